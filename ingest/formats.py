"""Recognizes what was handed in in the place of a tar archive, by its first bytes, so that the message can name it."""

import re
import tarfile
from collections.abc import Sequence

from errors import BadInput

# A header of a tar archive, after which its own checksum decides.
BEGIN_BYTES = 512
COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0")
_PACK = "tar -C FOLDER -czf recipe.tgz ."
# (ISO 9660, 8.1) The first descriptor, which begins with its type, is in sector 16.
_ISO_MAGIC, ISO_MAGIC_AT = b"CD001", 16 * 2048 + 1


def _unpack(command: str) -> str:
    return f"unpack it, and pack its folder as a tar archive: mkdir FOLDER && {command} && {_PACK}"


def _compress(command: str) -> str:
    return f"compress it with gzip, bzip2 or xz: {command} FILE | gzip > FILE.gz"


_ZIP = _unpack("unzip FILE -d FOLDER")
_CPIO = _unpack("cpio -D FOLDER -id < FILE")
_MAGICS: Sequence[tuple[bytes, str, str]] = (
    (b"PK\x03\x04", "a zip archive", _ZIP),
    (b"PK\x05\x06", "an empty zip archive", f"pack the recipe: {_PACK}"),
    (b"PK\x07\x08", "a part of a zip archive", _ZIP),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _unpack("7z x -oFOLDER FILE")),
    (b"Rar!\x1a\x07", "a rar archive", _unpack("unrar x FILE FOLDER/")),
    (b"070701", "a cpio archive", _CPIO),
    (b"070702", "a cpio archive", _CPIO),
    (b"070707", "a cpio archive", _CPIO),
    (b"\xc7\x71", "a cpio archive", _CPIO),
    (b"\x71\xc7", "a cpio archive", _CPIO),
    (b"\xed\xab\xee\xdb", "an rpm package", _unpack("rpm2cpio FILE | cpio -D FOLDER -id")),
    (b"!<arch>\n", "a deb package or an ar archive", _unpack("dpkg-deb -x FILE FOLDER")),
    (b"xar!", "a xar archive", _unpack("bsdtar -C FOLDER -xf FILE")),
    (b"MSCF", "a cab archive", _unpack("cabextract -d FOLDER FILE")),
    (b"hsqs", "a squashfs image", _unpack("unsquashfs -f -d FOLDER FILE")),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", _compress("zstd -dc")),
    (b"\x04\x22\x4d\x18", "compressed with lz4", _compress("lz4 -dc")),
    (b"LZIP", "compressed with lzip", _compress("lzip -dc")),
    (b"\x89LZO", "compressed with lzop", _compress("lzop -dc")),
    (b"\x1f\x9d", "compressed with compress", _compress("zcat")),
    (b"\x5d\x00\x00", "compressed with lzma", _compress("xz --format=lzma -dc")),
    (b"\x1f\x8b", "compressed twice", "decompress it once: gunzip < FILE > recipe.tgz"),
    (b"\xfd7zXZ\0", "compressed twice", "decompress it once: xz -dc FILE > recipe.tgz"),
    (b"BZh", "compressed twice", "decompress it once: bzip2 -dc FILE > recipe.tgz"),
    (b"version https://git-lfs", "a pointer of Git LFS", "fetch it first: git lfs pull"),
    (b"#!", "a script", f"pack the folder of the recipe: {_PACK}"),
)
_TEXTS: Sequence[tuple[re.Pattern[str], str, str]] = (
    (re.compile(r"<!doctype html|<html", re.IGNORECASE), "a web page", "download the archive itself"),
    (
        re.compile(r"<\?xml|<!--|<!doctype|<image[\s/>]", re.IGNORECASE),
        "a bare XML file, perhaps the recipe's config.xml",
        f"put it into a folder as config.xml, with the recipe's other files, and pack that: {_PACK}",
    ),
)
_ENCODINGS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be", b"<\0": "utf-16-le", b"\0<": "utf-16-be"}


def is_tar(begin: bytes) -> bool:
    """Return whether a file begins as a tar archive, or as a compression that may hold one."""
    if begin.startswith(COMPRESSED):
        return True
    try:
        tarfile.TarInfo.frombuf(begin[:BEGIN_BYTES], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def refuse_other_format(begin: bytes, name: str = "the archive", needed: str = "a tar archive") -> None:
    """Refuse what is known not to be a tar archive.

    Args:
        begin: The first bytes of what should be one, decompressed.
        name: What it is called in the message.
        needed: What it should be.

    Raises:
        BadInput: It is something else; the message says what, and how to make a tar archive of it.
    """
    for magic, what, advice in _MAGICS:
        if begin.startswith(magic):
            raise BadInput(f"{name} is {what}, not {needed}", resolution=advice)
    if begin[ISO_MAGIC_AT:].startswith(_ISO_MAGIC):
        raise BadInput(f"{name} is an ISO image, not {needed}", resolution=_unpack("bsdtar -C FOLDER -xf FILE"))
    text = begin[:BEGIN_BYTES].decode(_ENCODINGS.get(begin[:2], "utf-8"), errors="replace").lstrip("\ufeff \t\r\n")
    for pattern, what, advice in _TEXTS:
        if pattern.match(text):
            raise BadInput(f"{name} is {what}, not {needed}", resolution=advice)
