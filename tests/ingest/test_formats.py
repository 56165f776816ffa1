"""ingest/formats.py: what is no tar archive is named, with the command that makes one of it."""

import gzip
import io
import lzma
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from errors import BadInput
from ingest.formats import is_tar, refuse_other_format
from ingest.limits import Limits
from ingest.tar_stream import TarStream
from tests.ingest.archives import DESCRIPTION, archive, file

LIMITS = Limits(bytes=1 << 20, entries=9, memory_bytes=1 << 20, seconds=1)


def zipped() -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as made:
        made.writestr("config.xml", DESCRIPTION)
    return body.getvalue()


OTHERS = {
    "zip": (zipped(), "a zip archive", "unzip"),
    "zip without files": (b"PK\5\6" + bytes(18), "an empty zip archive", "tar -C FOLDER"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(99), "a 7z archive", "7z x"),
    "rar": (b"Rar!\x1a\x07\x01\x00" + bytes(900), "a rar archive", "unrar"),
    "rpm": (b"\xed\xab\xee\xdb" + bytes(900), "an rpm package", "rpm2cpio"),
    "deb": (b"!<arch>\ndebian-binary", "a deb package", "dpkg-deb"),
    "iso": (bytes(32768) + b"\1CD001\1" + bytes(2041), "an ISO image", "bsdtar"),
    "a disk image": (bytes(32000) + b"anything" + bytes(2041), "not a tar archive", "tar -C"),
    "lz4": (b"\x04\x22\x4d\x18" + bytes(600), "compressed with lz4", "lz4 -dc"),
    "lzma": (lzma.compress(DESCRIPTION, lzma.FORMAT_ALONE), "compressed with lzma", "--format=lzma"),
    "compressed twice": (gzip.compress(gzip.compress(archive())), "compressed twice", "gunzip"),
    "a zip in gzip": (gzip.compress(zipped()), "a zip archive", "unzip"),
    "config.xml": (DESCRIPTION, "a bare XML file, perhaps the recipe's config.xml", "put it into a folder"),
    "config.xml in UTF-16": (DESCRIPTION.decode().encode("utf-16"), "a bare XML file", "put it into a folder"),
    "config.xml with a byte order mark": (b"\xef\xbb\xbf" + DESCRIPTION, "a bare XML file", "put it into a folder"),
    "config.xml without a declaration": (b"\n <image schemaversion='7.4'/>", "a bare XML file", "put it into a folder"),
    "config.xml in gzip": (gzip.compress(DESCRIPTION), "a bare XML file", "put it into a folder"),
    "a web page": (b"<!DOCTYPE html>\n<html>" + bytes(600), "a web page", "download"),
    "Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "a pointer of Git LFS", "git lfs pull"),
    "a script": (b"#!/bin/sh\n", "a script", "tar -C FOLDER"),
}


@pytest.mark.parametrize(("content", "what", "advice"), OTHERS.values(), ids=OTHERS)
def test_another_format_is_named_and_the_command_that_helps(content: bytes, what: str, advice: str) -> None:
    with pytest.raises(BadInput, match=f"^the archive is {what}.*(?<=not a tar archive); ") as refusal:
        list(TarStream(io.BytesIO(content), LIMITS))
    assert advice in refusal.value.resolution


@pytest.mark.parametrize("name", ["7z", "070701", "MSCF", "BZh9", "#!", "<image>", "PK\x03\x04".replace("\x04", "")])
def test_a_tar_archive_may_begin_with_a_name_like_that(name: str) -> None:
    content = file(name)
    assert is_tar(content)
    assert [entry.name for entry in TarStream(io.BytesIO(content + bytes(1024)), LIMITS)] == [name]


@pytest.mark.by_both
def test_a_real_cpio_archive_is_named(tmp_path: Path) -> None:
    cpio = shutil.which("cpio")
    if cpio is None:
        pytest.skip("cpio is not installed")
    (tmp_path / "config.xml").write_bytes(DESCRIPTION)
    for form in ("newc", "odc", "bin", "crc"):
        made = subprocess.run(
            [cpio, "-o", "-H", form], input=b"config.xml\n", cwd=tmp_path, capture_output=True, check=True
        )
        with pytest.raises(BadInput, match="a cpio archive"):
            refuse_other_format(made.stdout)


def test_what_is_not_known_is_not_refused_here() -> None:
    refuse_other_format(b"anything else")
    refuse_other_format(b"")
    assert not is_tar(b"anything else" * 100)
    assert is_tar(gzip.compress(b""))


def test_old_archives_without_a_magic_are_known() -> None:
    info = tarfile.TarInfo("a")
    block = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    block[257:265] = bytes(8)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    assert is_tar(bytes(block))
