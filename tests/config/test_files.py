"""config/files.py: a file that a user names, read up to a limit."""

from pathlib import Path

import pytest

from config.files import read_file
from errors import BadInput


def test_a_file_of_the_largest_size_is_read(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"12345")
    assert read_file(tmp_path / "f", "the file", 5) == b"12345"


def test_a_larger_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"123456")
    with pytest.raises(BadInput, match=r"the file .*/f has more than 5 bytes"):
        read_file(tmp_path / "f", "the file", 5)


@pytest.mark.parametrize(("name", "why"), [("none", "No such file or directory"), ("", "Is a directory")])
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(BadInput, match=f"the file .* cannot be read: {why}"):
        read_file(tmp_path / name, "the file", 5)
