"""ingest/script_unpacking.py: an archive of a script is unpacked only with a file to begin with."""

from pathlib import Path

import pytest

from errors import BadInput
from ingest.limits import Limits
from ingest.script_unpacking import run
from tests.ingest.archives import END, file, folder, hard_link, link


def unpacked(content: bytes, entries: list[str], tmp_path: Path, limits: Limits) -> list[str]:
    (tmp_path / "script.tar").write_bytes(content)
    (tmp_path / "script").mkdir()
    return run(str(tmp_path / "script.tar"), str(tmp_path / "script"), entries, limits)


FOUND = {
    "the only one": (file("a.sh"), ["a.sh"], "a.sh"),
    "the first of several": (file("b") + file("a"), ["a", "b"], "a"),
    "the second": (file("b"), ["a", "b"], "b"),
    "in a folder": (file("x") + file("roles/a"), ["roles/a"], "roles/a"),
    "a hard link": (file("b") + hard_link("a", "b"), ["a"], "a"),
}


@pytest.mark.parametrize(("members", "entries", "first"), FOUND.values(), ids=FOUND)
def test_the_first_entry_that_is_there_is_returned(
    members: bytes, entries: list[str], first: str, tmp_path: Path, limits: Limits
) -> None:
    assert unpacked(members + END, entries, tmp_path, limits) == [first, ""]
    assert (tmp_path / "script" / first).read_bytes() == b"content\n"


@pytest.mark.parametrize(
    "member", [file("b"), folder("a") + file("b"), link("a", "b")], ids=["another", "folder", "link"]
)
def test_without_a_file_to_begin_with_nothing_is_written(member: bytes, tmp_path: Path, limits: Limits) -> None:
    with pytest.raises(BadInput, match=r"has no file 'a' or 'c' to begin with; .*--script-entry"):
        unpacked(member + END, ["a", "c"], tmp_path, limits)
    assert list((tmp_path / "script").iterdir()) == []
