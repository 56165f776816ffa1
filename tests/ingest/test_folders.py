"""ingest/folders.py: the folder of a path, opened through no link."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.folders import FOLDER, NEW_FILE, OLD_FILE, parent_of


def open_files() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


@pytest.fixture
def top(tmp_path: Path) -> Iterator[int]:
    """The open folder of a tree with a file, a link to a folder and a link to a file."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "file").write_text("content")
    (tmp_path / "to-a").symlink_to("a")
    (tmp_path / "a" / "to-file").symlink_to("file")
    opened = os.open(tmp_path, FOLDER)
    yield opened
    os.close(opened)


@pytest.mark.parametrize(("path", "name"), [("x", "x"), ("a/x", "x"), ("a/b/x", "x")])
def test_the_parent_is_opened_whether_the_path_is_there_or_not(top: int, tmp_path: Path, path: str, name: str) -> None:
    with parent_of(path, top) as (parent, found):
        assert os.path.samestat(os.fstat(parent), (tmp_path / path).parent.stat())
        assert found == name


@pytest.mark.parametrize(
    ("path", "code"),
    [("missing/x", errno.ENOENT), ("a/file/x", errno.ENOTDIR), ("to-a/x", errno.ENOTDIR), ("to-a/b/x", errno.ENOTDIR)],
)
def test_what_is_not_a_folder_on_the_way_is_an_error(top: int, path: str, code: int) -> None:
    with pytest.raises(OSError) as caught, parent_of(path, top):
        pass
    assert caught.value.errno == code


@pytest.mark.parametrize("path", ["a/b/x", "to-a/x"])
def test_every_folder_is_closed_again(top: int, path: str) -> None:
    before = open_files()
    try:
        with parent_of(path, top):
            pass
    except OSError:
        pass
    assert open_files() == before


@pytest.mark.parametrize(("flags", "code"), [(OLD_FILE, errno.ELOOP), (NEW_FILE, errno.EEXIST)])
def test_a_link_is_neither_read_nor_written_through(top: int, flags: int, code: int) -> None:
    with parent_of("a/to-file", top) as (parent, name), pytest.raises(OSError) as caught:
        os.open(name, flags, 0o600, dir_fd=parent)
    assert caught.value.errno == code
