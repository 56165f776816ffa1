"""builder/pod/whole_file.py: a file has its name only when it is whole, also when its writer is killed."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from builder.pod.whole_file import whole_file
from tests.repository import REPOSITORY

_HALF = """
import sys, time
from pathlib import Path
from builder.pod.whole_file import whole_file
with whole_file(Path(sys.argv[1])) as partial:
    partial.write_text("half")
    print("written", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that is there already."""
    (tmp_path / "file").write_text("before")
    return tmp_path / "file"


def names(file: Path) -> list[str]:
    return sorted(entry.name for entry in file.parent.iterdir())


def test_it_stands_in_place_of_the_former_one_when_the_block_ends(file: Path) -> None:
    with whole_file(file) as partial:
        partial.write_text("after")
        assert file.read_text() == "before"
    assert (file.read_text(), names(file)) == ("after", ["file"])


def test_a_block_that_fails_changes_nothing(file: Path) -> None:
    def fail() -> None:
        with whole_file(file) as partial:
            partial.write_text("half")
            raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        fail()
    assert (file.read_text(), names(file)) == ("before", ["file"])


def test_a_block_that_writes_nothing_fails(file: Path) -> None:
    with pytest.raises(FileNotFoundError), whole_file(file):
        pass
    assert file.read_text() == "before"


def test_a_writer_that_is_killed_changes_nothing_and_the_next_one_succeeds(file: Path) -> None:
    command = [sys.executable, "-c", _HALF, str(file)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"written\n"
        writer.send_signal(signal.SIGKILL)
    assert (file.read_text(), names(file)) == ("before", ["file", "file.part"])
    with whole_file(file) as partial:
        assert not partial.exists()
        partial.write_text("after")
    assert (file.read_text(), names(file)) == ("after", ["file"])


def test_it_may_be_written_under_another_name(file: Path) -> None:
    with whole_file(file, beside=file.with_name(".new")) as partial:
        partial.write_text("after")
        assert names(file) == [".new", "file"]
    assert (file.read_text(), names(file)) == ("after", ["file"])


def test_a_link_is_replaced_and_its_target_stays(file: Path) -> None:
    link = file.with_name("link")
    link.symlink_to(file)
    with whole_file(link) as partial:
        partial.write_text("after")
    assert (link.is_symlink(), link.read_text(), file.read_text()) == (False, "after", "before")
