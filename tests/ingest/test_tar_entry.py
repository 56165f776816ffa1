"""ingest/tar_entry.py: what the fields of an entry become."""

import tarfile

import pytest

from errors import BadInput
from ingest.tar_entry import Entry, Kind, kind_of, mode_of, mtime_of, name_of, size_of


def info(kind: bytes = tarfile.REGTYPE, *, mode: int = 0o644, mtime: int = 5, name: str = "a") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.mode, made.mtime = kind, mode, mtime
    return made


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE])
def test_files_of_several_types_are_files(kind: bytes) -> None:
    assert kind_of(info(kind), "a", 5) is Kind.FILE


@pytest.mark.parametrize(("mode", "kept"), [(0o2775, 0o775), (0o6755, 0o755), (0o1777, 0o1777), (0o3777, 0o1777)])
def test_folders_lose_the_bits_that_they_inherit(mode: int, kept: int) -> None:
    assert mode_of(info(tarfile.DIRTYPE, mode=mode), Kind.FOLDER, "a") == kept


def test_setuid_files_are_refused() -> None:
    assert mode_of(info(mode=0o1755), Kind.FILE, "a") == 0o1755
    for mode in (0o4755, 0o2755):
        with pytest.raises(BadInput, match="'a' is setuid or setgid"):
            mode_of(info(mode=mode), Kind.FILE, "a")


@pytest.mark.parametrize(
    ("record", "seconds"), [("7.9", 7), ("-3", 0), ("1e99", 1 << 33), ("nan", 5), ("inf", 5), ("x", 5), (None, 5)]
)
def test_the_time_of_a_pax_record_counts_if_it_is_one(record: str | None, seconds: int) -> None:
    assert mtime_of(info(), {} if record is None else {"mtime": record}) == seconds


def test_a_header_of_gnu_has_no_prefix() -> None:
    block = bytearray(info().tobuf(tarfile.GNU_FORMAT))
    block[345:357] = b"14000000000\0"  # The time of the last access.
    header = tarfile.TarInfo.frombuf(
        bytes(block[:148]) + b"%06o\0 " % _sum(block) + bytes(block[156:]), "utf-8", "strict"
    )
    assert header.name == "14000000000/a"
    assert name_of(header, bytes(block), {}) == "a"
    assert name_of(header, bytes(block), {"path": "b"}) == "b"
    assert name_of(header, bytes(block), {"path": "b", "GNU.sparse.name": "c"}) == "c"


def _sum(block: bytearray) -> int:
    return sum(block[:148]) + 8 * ord(" ") + sum(block[156:])


def test_a_size_may_come_from_a_record() -> None:
    assert size_of(info(), "a", {"size": "77"}) == 77
    with pytest.raises(BadInput, match="'a' has the size '7x'"):
        size_of(info(), "a", {"size": "7x"})


def test_only_pieces_of_a_sparse_file_are_stored() -> None:
    assert Entry("a", Kind.FILE, 0o644, 100, "", 0).stored_bytes == 100
    assert Entry("a", Kind.FILE, 0o644, 100, "", 0, ((0, 5), (90, 10))).stored_bytes == 15
