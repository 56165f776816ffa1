"""recipes/ and tests/recipes/: every one passes the gate that a user's recipe passes."""

from pathlib import Path

import pytest

from ingest.confined import Limits
from ingest.packing import pack
from ingest.recipe import read_description, render_recipe, unpack_recipe

_TESTS = Path(__file__).parent
RECIPES = sorted([*(_TESTS.parent / "recipes").iterdir(), *(_TESTS / "recipes").iterdir()])
LIMITS = Limits(bytes=1 << 24, entries=1000, memory_bytes=1 << 29, seconds=60)
ADDRESS = "http://127.0.0.1/mirror"
VALUES = {"mirror": ADDRESS, "repository": ADDRESS}


@pytest.mark.parametrize("recipe", RECIPES, ids=[recipe.name for recipe in RECIPES])
def test_a_recipe_is_accepted(recipe: Path, tmp_path: Path) -> None:
    archive, folder = tmp_path / "recipe.tgz", tmp_path / "recipe"
    with archive.open("wb") as file:
        pack(recipe, file)
    unpack_recipe(archive, folder, LIMITS)
    render_recipe(folder, VALUES, LIMITS)
    assert [repository.url for repository in read_description(folder, LIMITS).repositories] == [ADDRESS]
