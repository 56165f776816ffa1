"""Builds recipe archives for the tests, header by header, valid and malformed."""

import io
import tarfile

DESCRIPTION = b"""<?xml version="1.0" encoding="utf-8"?>
<image schemaversion="7.5" name="small">
  <description type="system"><author>a</author><contact>c</contact><specification>s</specification></description>
  <preferences><version>1.0.0</version><packagemanager>zypper</packagemanager><type image="tbz"/></preferences>
  <repository type="rpm-md" alias="base" priority="4" imageinclude="true">
    <source path="https://packages.example.org/base/"/>
  </repository>
  <packages type="bootstrap"><package name="filesystem"/></packages>
</image>
"""
END = bytes(2 * tarfile.BLOCKSIZE)


def header(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", mode: int = 0o644, size: int = 0) -> bytes:
    """One ustar header block (and GNU long name headers when the name or target needs them)."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode, info.size, info.mtime = kind, target, mode, size, 1_700_000_000
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


def padded(data: bytes) -> bytes:
    """Content filled up to whole blocks."""
    return data + bytes(-len(data) % tarfile.BLOCKSIZE)


def file(name: str, data: bytes = b"content\n", mode: int = 0o644) -> bytes:
    """A regular file."""
    return header(name, mode=mode, size=len(data)) + padded(data)


def folder(name: str, mode: int = 0o755) -> bytes:
    """A folder."""
    return header(name, tarfile.DIRTYPE, mode=mode)


def link(name: str, target: str) -> bytes:
    """A symbolic link."""
    return header(name, tarfile.SYMTYPE, target, 0o777)


def hard_link(name: str, target: str) -> bytes:
    """A hard link."""
    return header(name, tarfile.LNKTYPE, target)


def extended(kind: bytes, data: bytes) -> bytes:
    """An extended header: pax records or a GNU long name."""
    return header("extended", kind, size=len(data)) + padded(data)


def pax(**records: str) -> bytes:
    """A pax header for the entry after it."""
    return extended(tarfile.XHDTYPE, b"".join(pax_record(key, value.encode()) for key, value in records.items()))


def pax_record(key: str, value: bytes) -> bytes:
    """One pax record, with its own length in front."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %s=%s\n" % (length, key.encode(), value)


def with_checksum(block: bytes) -> bytes:
    """A header block with its checksum corrected."""
    blank = block[:148] + b" " * 8 + block[156:]
    return block[:148] + b"%06o\0 " % sum(blank) + block[156:]


def config(data: bytes = DESCRIPTION) -> bytes:
    """The description as an archive entry."""
    return file("config.xml", data)


def archive(*members: bytes) -> bytes:
    """A whole archive with a description."""
    return config() + b"".join(members) + END


def names_in(content: bytes) -> list[str]:
    """What Python's own reader finds in an archive: checks that the valid ones above are valid."""
    with tarfile.open(fileobj=io.BytesIO(content)) as opened:
        return opened.getnames()
