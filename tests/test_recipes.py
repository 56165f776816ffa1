"""recipes/ and tests/recipes/: every one passes the gate that a user's recipe passes, and kiwi's own check."""

import os
import re
from pathlib import Path

import pytest

from builder.image import ensure_builder_image
from ingest.description import Description
from ingest.limits import Limits
from ingest.packing import pack
from ingest.recipe import render_recipe, unpack_recipe
from tests.builder_pod import run_in_builder
from tests.ingest.reading import read_description

_TESTS = Path(__file__).parent
RECIPES = sorted((_TESTS.parent / "recipes").iterdir())
RECIPES_OF_TESTS = sorted((_TESTS / "recipes").iterdir())
LIMITS = Limits(bytes=1 << 24, entries=1000, memory_bytes=1 << 29, seconds=60)
VALUES = {"mirror": "http://127.0.0.1/mirror", "repository": "http://127.0.0.1/repository"}
MANAGERS = {"debian-minimal": "apt", "opensuse-leap": "zypper", "rocky-minimal": "dnf"}

each_sample = pytest.mark.parametrize("recipe", RECIPES, ids=[recipe.name for recipe in RECIPES])


def taken_in(recipe: Path, scratch: Path) -> tuple[Path, Description]:
    """Return the rendered recipe's folder and its description, as a job has them."""
    archive, folder = scratch / "recipe.tgz", scratch / "recipe"
    with archive.open("wb") as file:
        pack(recipe, file)
    unpack_recipe(archive, folder, LIMITS)
    render_recipe(folder, VALUES, LIMITS)
    return folder, read_description(folder, LIMITS)


@each_sample
def test_a_sample_is_accepted_and_fetches_from_the_users_mirror_alone(recipe: Path, tmp_path: Path) -> None:
    _, description = taken_in(recipe, tmp_path)
    assert (description.name, description.package_manager) == (recipe.name, MANAGERS[recipe.name])
    assert description.repositories
    assert all(repository.url.startswith(VALUES["mirror"]) for repository in description.repositories)


@pytest.mark.parametrize("recipe", RECIPES_OF_TESTS, ids=[recipe.name for recipe in RECIPES_OF_TESTS])
def test_a_recipe_of_the_tests_passes_the_same_gate(recipe: Path, tmp_path: Path) -> None:
    _, description = taken_in(recipe, tmp_path)
    assert [repository.url for repository in description.repositories] == [VALUES["repository"]]


@each_sample
def test_no_archive_is_named_in_a_sample(recipe: Path) -> None:
    for file in filter(Path.is_file, recipe.rglob("*")):
        assert not re.search(r"(https?|ftp)://\w", file.read_text()), file


@each_sample
def test_the_samples_have_the_same_module_for_dracut_and_ask_for_it(recipe: Path) -> None:
    """dracut leaves out a module whose module-setup.sh is no program."""
    module = Path("root/usr/lib/dracut/modules.d/91overlay-folders")
    for name in ("module-setup.sh", "overlay-folders.sh"):
        assert (recipe / module / name).read_text() == (RECIPES[0] / module / name).read_text()
        assert os.access(recipe / module / name, os.X_OK)
    assert " overlay-folders " in (recipe / "root/etc/dracut.conf.d/10-netboot.conf").read_text()


@pytest.mark.containers
@each_sample
def test_kiwi_takes_a_samples_description_and_bash_its_scripts(recipe: Path, tmp_path: Path) -> None:
    _, description = taken_in(recipe, tmp_path)
    check = (
        "kiwi-ng image info --description /workspace/recipe && cd /workspace/recipe"
        " && for script in *.sh; do test -x $script && bash -n $script || exit 1; done"
    )
    ran = run_in_builder(["sh", "-c", check], workspace=tmp_path, image=ensure_builder_image(description.kiwi))
    assert ran.returncode == 0, ran.stdout
    assert f'"image": "{recipe.name}"' in ran.stdout
