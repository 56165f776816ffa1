"""ingest/recipe_scripts.py: the scripts of a recipe are checked when its description is read."""

from pathlib import Path

import pytest

from errors import BadInput
from ingest.limits import Limits
from ingest.recipe_scripts import SCRIPTS
from tests.ingest.archives import DESCRIPTION
from tests.ingest.reading import read_description

CASE = Path(__file__).parent / "field_cases/crlf-scripts"


@pytest.fixture
def folder(recipe: Path) -> Path:
    recipe.mkdir(parents=True)
    (recipe / "config.xml").write_bytes(DESCRIPTION)
    return recipe


@pytest.mark.parametrize("name", ["config.sh", "images.sh"])
def test_line_ends_of_windows_are_found_when_the_recipe_is_read(name: str, folder: Path, limits: Limits) -> None:
    (folder / name).write_bytes((CASE / name).read_bytes())
    with pytest.raises(BadInput, match=f"^{name}, line 1 has line ends of Windows"):
        read_description(folder, limits)


def test_a_script_behind_a_link_is_checked_and_other_files_are_not(folder: Path, limits: Limits) -> None:
    (folder / "scripts").mkdir()
    (folder / "scripts/c").write_text("#!/bin/sh\r\n")
    (folder / "other.sh").write_text("#!/bin/sh\r\n")
    read_description(folder, limits)
    (folder / "config.xml").write_bytes(DESCRIPTION)
    (folder / "config.sh").symlink_to("scripts/c")
    with pytest.raises(BadInput, match=r"^config\.sh, line 1"):
        read_description(folder, limits)


def test_every_script_that_kiwi_runs_is_checked() -> None:
    assert {"config.sh", "config-overlay.sh", "images.sh", "post_bootstrap.sh"} <= {*SCRIPTS}
