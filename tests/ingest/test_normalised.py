"""ingest/normalised.py: the recipe's folder as the pods get it."""

from pathlib import Path

import pytest

from ingest.description_xml import parse
from ingest.normalised import write_description, write_source
from ingest.recipe_files import opened, real_path

TEXT = b"<?xml version='1.0' encoding='iso8859-1'?>\n<image>\xfc</image>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A recipe whose description has three names, beside a file that is none of its own."""
    recipe = tmp_path / "recipe"
    (recipe / "sub").mkdir(parents=True)
    (recipe / "sub/d").write_bytes(TEXT)
    (recipe / "config.xml").symlink_to("a.kiwi")
    (recipe / "a.kiwi").symlink_to("sub/d")
    (recipe / "out").symlink_to("../outside")
    (tmp_path / "outside").write_text("untouched")
    return recipe


def test_a_path_is_followed_inside_the_recipe_alone(folder: Path) -> None:
    found = [real_path(path, str(folder)) for path in ("config.xml", "a.kiwi", "sub/d", "missing", "out")]
    assert found == ["sub/d", "sub/d", "sub/d", "missing", "out"]


def test_the_description_is_config_xml_and_nothing_else(folder: Path) -> None:
    with opened(str(folder)) as top:
        write_description(parse(TEXT, "config.xml"), ["config.xml", "a.kiwi"], str(folder), top)
    assert sorted(each.name for each in folder.iterdir()) == ["config.xml", "out", "sub"]
    assert (folder / "config.xml").read_bytes() == "<?xml version='1.0' encoding='UTF-8'?>\n<image>ü</image>".encode()
    assert (folder / "sub/d").read_bytes() == TEXT


def test_a_file_is_written_again_where_it_really_is(folder: Path) -> None:
    with opened(str(folder)) as top:
        write_source(parse(TEXT.replace(b"\xfc", b"x"), "config.xml"), str(folder), top)
    assert (folder / "config.xml").is_symlink()
    assert b"<image>x</image>" in (folder / "sub/d").read_bytes()
