"""ingest/tar_stream.py: the entries of an archive, each size bounded before it is used."""

import gzip
import io
import tarfile
from dataclasses import replace

import pytest

from errors import BadInput
from ingest.limits import Limits
from ingest.tar_entry import Entry, Kind
from ingest.tar_stream import LONGEST_EXTENDED_HEADER_BYTES, TarStream
from tests.ingest.archives import (
    END,
    extended,
    file,
    folder,
    hard_link,
    header,
    link,
    names_in,
    padded,
    pax,
    pax_record,
    with_checksum,
)

LIMITS = Limits(bytes=3000, entries=3, memory_bytes=1 << 20, seconds=1)


def stream(content: bytes, limits: Limits = LIMITS) -> TarStream:
    return TarStream(io.BytesIO(content), limits)


def entries(*members: bytes) -> list[Entry]:
    content = b"".join(members) + END
    found = list(stream(content))
    # Python's own reader finds as many.
    assert len(found) == len(names_in(content))
    return found


def test_the_kinds_of_entries_are_read_in_order() -> None:
    found = entries(file("a", b"x" * 600, 0o640), folder("b"), link("c", "../a"))
    assert [(each.name, each.kind, each.mode, each.size, each.target) for each in found] == [
        ("a", Kind.FILE, 0o640, 600, ""),
        ("b", Kind.FOLDER, 0o755, 0, ""),
        ("c", Kind.LINK, 0o777, 0, "../a"),
    ]
    (_, hard) = entries(file("a"), hard_link("b", "a"))
    assert (hard.kind, hard.target) == (Kind.HARD_LINK, "a")


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_content_is_read_or_skipped(pack: type[bytes]) -> None:
    archive = stream(pack(file("a", b"first") + file("b", b"x" * 512) + file("c", b"third") + END))
    contents = {each.name: b"".join(piece for _, piece in archive.pieces()) for each in archive if each.name != "b"}
    assert contents == {"a": b"first", "c": b"third"}


@pytest.mark.parametrize("name", ["a" * 200, "é" * 90, "a/" * 130 + "b"])
def test_long_names_are_read_in_both_formats(name: str) -> None:
    assert [each.name for each in entries(file(name))] == [name]
    assert [each.name for each in entries(pax(path=name), file("short"))] == [name]


def test_extended_headers_are_of_the_next_entry_only() -> None:
    first, second = entries(pax(path="long", comment="x"), file("a"), file("b"))
    assert (first.name, second.name) == ("long", "b")
    (linked,) = entries(pax(linkpath="far"), link("a", "near"))
    assert linked.target == "far"


def test_a_global_header_sets_the_time_of_all_entries_and_nothing_else() -> None:
    content = extended(tarfile.XGLTYPE, pax_record("comment", b"x") + pax_record("mtime", b"7.9")) + file("a")
    assert [(each.name, each.mtime) for each in stream(content + END)] == [("a", 7)]


@pytest.mark.parametrize("key", ["path", "linkpath", "size", "GNU.sparse.size", "GNU.sparse.name"])
def test_a_global_header_that_sets_what_is_of_one_entry_is_refused(key: str) -> None:
    content = extended(tarfile.XGLTYPE, pax_record(key, b"1")) + file("a") + END
    with pytest.raises(BadInput, match=f"the archive sets '{key}' of all entries"):
        list(stream(content))


def _with_mode(mode: int) -> bytes:
    return header("a", mode=mode)


REFUSED: dict[str, tuple[bytes, str]] = {
    "text": (b"not an archive" * 100, "is not a tar archive"),
    "nothing": (b"", "truncated: it ends within its first header"),
    "a cut header": (file("a") + file("b")[:100], "truncated: it ends within the header after entry 'a'"),
    "cut content": (file("a", b"x" * 600)[:700], "truncated: it ends within entry 'a'"),
    "no end": (file("a"), "truncated: it ends within the header after entry 'a'"),
    "a damaged header": (file("a") + b"x" * 512, "damaged header after entry 'a'"),
    "data after the end": (file("a") + END + b"x", "data follows the end"),
    "an extended header without an entry": (pax(path="a") + END, "nothing follows"),
    "two extended headers of a kind": (pax(path="a") + pax(path="b") + file("c"), "two extended headers of one kind"),
    "a long extended header": (
        extended(tarfile.XHDTYPE, b"x" * (LONGEST_EXTENDED_HEADER_BYTES + 1)),
        "has an extended header of",
    ),
    "a device": (header("a", tarfile.CHRTYPE), "is a character device"),
    "a named pipe": (header("a", tarfile.FIFOTYPE), "is a named pipe"),
    "a label with content": (
        with_checksum(header("a", size=9)[:156] + b"V" + header("a", size=9)[157:]) + padded(b"x" * 9),
        "is of the unknown type b'V'",
    ),
    "an unknown type": (with_checksum(header("a")[:156] + b"Q" + header("a")[157:]), "is of the unknown type"),
    "a folder with content": (header("a", tarfile.DIRTYPE, size=5) + padded(b"12345"), "is a folder with content"),
    "a link with content": (header("a", tarfile.SYMTYPE, "b", size=5) + padded(b"12345"), "with content"),
    "setuid": (_with_mode(0o4755), "is setuid or setgid"),
    "setgid": (_with_mode(0o2755), "is setuid or setgid"),
    "a sparse folder": (pax(**{"GNU.sparse.size": "0"}) + folder("a"), "is a sparse file, and is none"),
    "a file with a slash": (pax(path="a/") + file("a"), "whose name ends with a slash"),
    "a size that is no number": (pax(size="-1") + file("a"), "has the size '-1'"),
    "a huge size": (pax(size="9" * 21) + file("a"), "has the size"),
    "too large": (pax(size="3001") + file("a"), "unpacks to more than 3000 bytes, reached with entry 'a'"),
    "too large together": (file("a", b"x" * 1501) + file("b", b"x" * 1500), "reached with entry 'b'"),
    "too many": (b"".join(file(f"{number}", b"") for number in range(13)), "holds more than 3 entries"),
}


@pytest.mark.parametrize(("content", "why"), REFUSED.values(), ids=REFUSED)
def test_other_archives_are_refused(content: bytes, why: str) -> None:
    with pytest.raises(BadInput, match=why) as refusal:
        list(stream(content))
    assert refusal.value.message.isprintable()


def test_files_may_be_as_large_as_the_limit() -> None:
    assert sum(each.size for each in entries(file("a", b"x" * 1500), file("b", b"x" * 1500))) == 3000
    with pytest.raises(BadInput, match="more than 2999 bytes"):
        list(stream(file("a", b"x" * 3000) + END, replace(LIMITS, bytes=2999)))


@pytest.mark.parametrize(("time", "read"), [(-5, 0), (0, 0), (1 << 32, 1 << 32), (1 << 40, 1 << 33)])
def test_a_time_is_one_that_every_file_system_can_keep(time: int, read: int) -> None:
    info = tarfile.TarInfo("a")
    info.mtime = time
    (entry,) = stream(info.tobuf(tarfile.GNU_FORMAT) + END)
    assert entry.mtime == read
