"""ingest/recipe_unpacking.py: a recipe is unpacked only with exactly one description."""

from pathlib import Path

import pytest

from errors import BadInput
from ingest.limits import Limits
from ingest.recipe_unpacking import run
from tests.ingest.archives import END, archive, config, file, folder, hard_link, link


def unpacked(content: bytes, tmp_path: Path, limits: Limits) -> Path:
    (tmp_path / "recipe.tar").write_bytes(content)
    (tmp_path / "recipe").mkdir()
    run(str(tmp_path / "recipe.tar"), str(tmp_path / "recipe"), limits)
    return tmp_path / "recipe"


def test_a_recipe_is_unpacked(tmp_path: Path, limits: Limits) -> None:
    recipe = unpacked(archive(file("root/etc/motd", b"hello")), tmp_path, limits)
    assert (recipe / "root" / "etc" / "motd").read_bytes() == b"hello"
    assert (recipe / "config.xml").is_file()


def test_the_description_may_be_a_hard_link(tmp_path: Path, limits: Limits) -> None:
    recipe = unpacked(file("a") + hard_link("config.xml", "a") + END, tmp_path, limits)
    assert (recipe / "config.xml").read_bytes() == b"content\n"


REFUSED = {
    "none": (file("a") + END, "holds no description"),
    "two": (archive(file("a.kiwi")), "several descriptions"),
    "a folder": (folder("config.xml") + file("a") + END, "'config.xml' is a folder"),
    "a link": (file("a") + link("config.xml", "a") + END, "'config.xml' is a symbolic link"),
    "a refused entry at the end": (config() + file("../a") + END, "leads out"),
}


@pytest.mark.parametrize(("content", "why"), REFUSED.values(), ids=REFUSED)
def test_nothing_is_written_of_what_is_refused(content: bytes, why: str, tmp_path: Path, limits: Limits) -> None:
    with pytest.raises(BadInput, match=why):
        unpacked(content, tmp_path, limits)
    assert list((tmp_path / "recipe").iterdir()) == []
