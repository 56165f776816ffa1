"""ingest/new_folder.py: a folder that is whole, or not there."""

from pathlib import Path

import pytest

from errors import Conflict
from ingest.new_folder import new_folder, remove_folder


def test_the_folder_is_there_only_when_it_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / "recipe"
    with new_folder(folder) as unfinished:
        assert not folder.exists()
        (unfinished / "config.xml").write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == ["recipe"]
    assert (folder / "config.xml").read_text() == "x"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error):
        _fail(tmp_path / "recipe", error)
    assert list(tmp_path.iterdir()) == []


def test_the_remains_of_a_killed_attempt_are_removed_first(tmp_path: Path) -> None:
    with new_folder(tmp_path / "recipe") as unfinished:
        name = unfinished.name
    (tmp_path / "recipe").rmdir()
    (tmp_path / name / "inner").mkdir(parents=True)
    with new_folder(tmp_path / "recipe") as unfinished:
        assert list(unfinished.iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["recipe"]


@pytest.mark.parametrize("kind", ["folder", "file", "dangling link"])
def test_what_is_there_already_is_left(tmp_path: Path, kind: str) -> None:
    there = tmp_path / "recipe"
    if kind == "folder":
        there.mkdir()
    elif kind == "file":
        there.write_text("x")
    else:
        there.symlink_to("nowhere")
    with pytest.raises(Conflict, match="exists already"), new_folder(there):
        pytest.fail("the folder was given out")
    assert list(tmp_path.iterdir()) == [there]


def _fail(folder: Path, error: type[BaseException]) -> None:
    """Fail after a folder was made that its owner may not write to."""
    with new_folder(folder) as unfinished:
        (unfinished / "closed").mkdir()
        (unfinished / "closed" / "file").write_text("x")
        (unfinished / "closed").chmod(0o500)
        raise error


def test_folders_that_are_not_writable_are_removed(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").touch()
    for folder in ("a/b", "a"):
        (tmp_path / folder).chmod(0o555)
    remove_folder(tmp_path / "a")
    remove_folder(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []
