"""ingest/recipe_files.py: files that a recipe names, read and replaced inside its folder."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from errors import BadInput
from ingest.recipe_files import LONGEST_TEXT_BYTES, inner_path, opened, read_text, replace_text


def open_files() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


@pytest.fixture
def top(tmp_path: Path) -> Iterator[int]:
    """The open folder of a recipe."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_bytes(b"content")
    (tmp_path / "a" / "file").chmod(0o640)
    (tmp_path / "link").symlink_to("a/file")
    (tmp_path / "folder-link").symlink_to("a")
    os.mkfifo(tmp_path / "pipe")
    with opened(str(tmp_path)) as folder:
        yield folder


@pytest.mark.parametrize(("name", "path"), [("a", "a"), ("./a//b/", "a/b"), ("a/./b", "a/b"), ("..a/b..", "..a/b..")])
def test_a_path_is_spelt_as_short_as_possible(name: str, path: str) -> None:
    assert inner_path(name, "config.xml") == path


@pytest.mark.parametrize("name", ["", ".", "./", "/", "/a", "..", "a/../b", "a\n", "a\udcff"])
def test_a_path_that_does_not_lie_in_the_recipe_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match=r"^config\.xml") as refusal:
        inner_path(name, "config.xml")
    assert refusal.value.message.isprintable()


def test_a_file_is_read_with_its_mode(top: int) -> None:
    assert read_text("a/file", top, "config.xml") == (b"content", 0o640)


@pytest.mark.parametrize(
    "path", ["missing", "missing/file", "a", "link", "folder-link/file", "a/file/x", "pipe", "x" * 300]
)
def test_what_is_not_a_file_of_the_recipe_is_refused(top: int, path: str) -> None:
    before = open_files()
    with pytest.raises(BadInput, match=r"^config\.xml: .* is not a file of the recipe"):
        read_text(path, top, "config.xml")
    assert open_files() == before


def test_a_file_that_no_user_has_written_is_refused(top: int, tmp_path: Path) -> None:
    os.truncate(tmp_path / "a" / "file", LONGEST_TEXT_BYTES + 1)
    with pytest.raises(BadInput, match="has more than"):
        read_text("a/file", top, "config.xml")


def test_a_file_is_replaced_with_its_mode(top: int, tmp_path: Path) -> None:
    replace_text("a/file", b"new", 0o755, top)
    assert read_text("a/file", top, "config.xml") == (b"new", 0o755)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["file"]


def test_a_link_is_replaced_and_not_written_through(top: int, tmp_path: Path) -> None:
    replace_text("link", b"new", 0o644, top)
    assert stat.S_ISREG((tmp_path / "link").lstat().st_mode)
    assert (tmp_path / "a" / "file").read_bytes() == b"content"
    with pytest.raises(OSError, match="folder-link"):
        replace_text("folder-link/file", b"new", 0o644, top)


def test_a_file_is_replaced_in_a_folder_that_is_not_writable(top: int, tmp_path: Path) -> None:
    (tmp_path / "a").chmod(0o555)
    replace_text("a/file", b"new", 0o444, top)
    assert (tmp_path / "a" / "file").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o555
