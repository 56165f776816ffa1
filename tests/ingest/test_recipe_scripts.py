"""ingest/recipe_scripts.py: the scripts of a recipe are checked when its description is read."""

from pathlib import Path

import pytest

from errors import BadInput
from ingest.limits import Limits
from ingest.recipe_files import opened
from ingest.recipe_scripts import SCRIPTS, check_scripts
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


@pytest.mark.by_both
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


INTERPRETERS = {
    "#!/bin/bsh": True,
    "#!/usr/local/bin/bash -e": True,
    "#!/opt/homebrew/bin/bash": True,
    "#!/usr/bin/pyhton3": True,
    "#!/opt/site/tool": False,
    "#!/bin/bash": False,
    "#! /usr/bin/env -S bash -x": False,
    "#!/usr/bin/python3.11 -I": False,
    "#!": False,
    "echo": False,
}


@pytest.mark.parametrize(("first", "unusual"), INTERPRETERS.items(), ids=INTERPRETERS)
def test_an_interpreter_that_may_be_missing_is_named(first: str, unusual: bool, folder: Path) -> None:
    (folder / "root/opt/site").mkdir(parents=True)
    (folder / "root/opt/site/tool").touch()
    (folder / "config.sh").write_text(f"{first}\ntrue\n")
    (folder / "config.sh").chmod(0o755)
    with opened(str(folder)) as top:
        warnings = check_scripts(str(folder), top)
    assert [warning.split(",")[0] for warning in warnings] == (["config.sh"] if unusual else [])


def test_the_warning_is_logged(folder: Path, limits: Limits, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "images.sh").write_text("#!/usr/local/bin/bash\n")
    (folder / "images.sh").chmod(0o755)
    (folder / "config.sh").write_text("#!/usr/local/bin/bash\n")
    read_description(folder, limits)
    (said,) = caplog.messages
    assert said.startswith("images.sh, line 1 names the interpreter '/usr/local/bin/bash', which neither ")
