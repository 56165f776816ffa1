import bz2
import gzip
import lzma
import stat
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from errors import Conflict
from ingest.limits import Limits
from ingest.recipe import unpack_recipe
from tests.ingest.archives import (
    DESCRIPTION,
    END,
    archive,
    config,
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

Unpack = Callable[..., Path]
Refused = Callable[..., str]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


HOSTILE_ENTRIES = {
    "path traversal": (file("../outside/secret"), "'../outside/secret' leads out of the archive with '..'"),
    "path traversal inside": (file("a/../b"), "'a/../b' leads out of the archive"),
    "path traversal by a pax name": (pax(path="../outside/x") + file("x"), "'../outside/x' leads out"),
    "path traversal by a GNU long name": (
        extended(tarfile.GNUTYPE_LONGNAME, b"../outside/x\0") + file("x"),
        "'../outside/x' leads out",
    ),
    "absolute name": (file("/etc/passwd"), "'/etc/passwd' is absolute"),
    "absolute folder": (folder("//etc"), "'//etc' is absolute"),
    "hard link out by ..": (hard_link("x", "../outside/secret"), "'x' is a hard link that leads out of the archive"),
    "hard link out, absolute": (hard_link("x", "/etc/passwd"), "'x' is a hard link that leads out of the archive"),
    "hard link to what is not there": (
        hard_link("x", "later"),
        "'x' is a hard link to 'later', which is not an earlier file",
    ),
    "hard link to a symbolic link": (
        link("root/p", "/etc/passwd") + hard_link("x", "root/p"),
        "'x', a symbolic link to '/etc/passwd'",
    ),
    "link out by ..": (link("x", "../outside"), "'x', a symbolic link to '../outside', leads out of the archive"),
    "link out, absolute, outside the overlay": (link("x", "/etc"), "'x', a symbolic link to '/etc', leads out"),
    "link out through another link": (
        folder("deep") + link("deep/up", "..") + link("x", "deep/up/../outside"),
        "'x', a symbolic link to 'deep/up/../outside', leads out of the archive",
    ),
    "link out through the overlay": (link("root/p", "/etc") + link("x", "root/p"), "'x', a symbolic link"),
    "overlay link above the image": (link("root/x", "../config.xml"), "'root/x', a symbolic link"),
    "overlay link above the image through another": (
        link("root/a/up", "..") + link("root/x", "a/up/../y"),
        "'root/x', a symbolic link to 'a/up/../y', leads out of the image",
    ),
    "links in circles": (link("x", "y") + link("y", "x"), "leads in circles"),
    "link without a target": (link("x", ""), "'x', a symbolic link to '', has a target that is empty"),
    "link target with a line break": (link("x", "a\nb"), "the target of the symbolic link 'x' holds control"),
    "write through a link": (
        link("root/etc", "/etc") + file("root/etc/passwd"),
        "'root/etc/passwd' would be written through the symbolic link 'root/etc'",
    ),
    "write through a link that comes after": (
        file("root/etc/passwd") + link("root/etc", "/etc"),
        "'root/etc' is a symbolic link, and before that a folder",
    ),
    "write through a link, deeper": (
        link("root/etc", "/etc") + file("root/etc/a/b/c"),
        "'root/etc/a/b/c' would be written through the symbolic link 'root/etc'",
    ),
    "write through a file": (file("a") + file("a/b"), "'a/b' would be written through the file 'a'"),
    "file over a link": (link("x", "config.xml") + file("x"), "'x' is a file, and before that a symbolic link"),
    "same name twice": (file("x") + file("./x"), "'./x' occurs twice"),
    "character device": (header("dev/null", tarfile.CHRTYPE), "'dev/null' is a character device"),
    "block device": (header("dev/sda", tarfile.BLKTYPE), "'dev/sda' is a block device"),
    "named pipe": (header("pipe", tarfile.FIFOTYPE), "'pipe' is a named pipe"),
    "setuid": (file("root/su", mode=0o4755), "'root/su' is setuid or setgid"),
    "setgid": (file("root/d", mode=0o2755), "'root/d' is setuid or setgid"),
    "unreadable file": (file("x", mode=0o044), "'x' has mode 0044"),
    "folder that cannot be entered": (folder("x", mode=0o600), "'x' has mode 0600"),
    "sparse, old GNU": (header("x", tarfile.GNUTYPE_SPARSE, size=5), "'x' is a sparse file whose map"),
    "sparse, pax": (pax(**{"GNU.sparse.major": "1"}) + file("x"), "'x' is a sparse file of the format '1.None'"),
    "sparse, larger than the limit": (
        pax(**{"GNU.sparse.size": str(1 << 40)}) + file("x", b""),
        "more than 4194304 bytes, reached with entry 'x'",
    ),
    "other volume": (header("x", b"M"), "'x' continues from another volume"),
    "unknown type": (header("x", b"Z"), "'x' is of the unknown type"),
    "line break in a name": (file("a\nb"), r"'a\nb' holds control"),
    "escape sequence in a name": (file("a\x1b[2Jb"), r"'a\x1b[2Jb' holds control"),
    "right-to-left override in a name": (file("a\u202eb"), r"'a\u202eb' holds control"),
    "NUL in a pax name": (pax(path="a\0b") + file("x"), r"'a\x00b' holds control"),
    "name not UTF-8": (file("a\udcffb"), r"'a\udcffb' is not UTF-8"),
    "over-long part": (file("a" * 256), "has a part longer than 255 bytes"),
    "over-long path": (file("/".join(["a" * 200] * 15)), "is longer than 2048 bytes"),
    "over-deep path": (file("/".join(["a"] * 101)), "deeper than 100 folders"),
    "file without a name": (file("./"), "is a file whose name ends with a slash"),
    "link without a name": (link(".", "x"), "'.' has no name"),
    "link with content": (
        header("x", tarfile.SYMTYPE, "a", size=512) + bytes(512),
        "'x' is a symbolic link with content",
    ),
    "header bomb, pax": (extended(tarfile.XHDTYPE, bytes(1 << 20)), "an extended header of 1048576 bytes"),
    "header bomb, GNU long name": (extended(tarfile.GNUTYPE_LONGNAME, b"a" * (1 << 20)), "an extended header of"),
    "header bomb, size only": (header("x", tarfile.XHDTYPE, size=1 << 40), "an extended header of 1099511627776 bytes"),
    "header bomb, negative size": (
        with_checksum(header("x", tarfile.XHDTYPE)[:124] + b"\xff" * 12 + header("x", tarfile.XHDTYPE)[136:]),
        "an extended header of -1 bytes",
    ),
    "two pax headers in a row": (pax(path="a") + pax(path="b") + file("x"), "two extended headers of one kind"),
    "pax header without an entry": (pax(path="a"), "nothing follows an extended header"),
    "pax record without a length": (extended(tarfile.XHDTYPE, b"path=a\n") + file("x"), "a malformed record"),
    "pax record of length 0": (extended(tarfile.XHDTYPE, b"0 path=a\n") + file("x"), "a malformed record"),
    "pax size that is not a number": (pax(size="1e9") + file("x"), "'x' has the size '1e9'"),
    "pax size below zero": (pax(size="-512") + file("x"), "'x' has the size '-512'"),
    "pax names in another encoding": (pax(hdrcharset="BINARY") + file("x"), "the character set 'BINARY'"),
    "negative size": (
        with_checksum(header("x")[:124] + b"\xff" * 12 + header("x")[136:]),
        "'x' has a size of -1 bytes",
    ),
    "size beyond the limit": (header("x", size=1 << 40), "more than 4194304 bytes, reached with entry 'x'"),
    "sizes beyond the limit in sum": (
        file("x", bytes(3 << 20)) + file("y", bytes(2 << 20)),
        "more than 4194304 bytes, reached with entry 'y'",
    ),
    "bad header checksum": (b"\1" + file("x")[1:], "a damaged header after entry 'config.xml'"),
    "second description": (file("other.kiwi"), "several descriptions: config.xml, other.kiwi"),
    "second description where kiwi looks first": (file("image/config.xml"), "several descriptions"),
}


@pytest.mark.parametrize(("member", "said"), HOSTILE_ENTRIES.values(), ids=HOSTILE_ENTRIES)
def test_a_hostile_entry_is_refused_by_name_and_nothing_is_written(refused: Refused, member: bytes, said: str) -> None:
    assert said in refused(archive(member))


GOOD = archive(folder("root"), file("root/etc/motd"))
DAMAGED = {
    "empty": (b"", "truncated: it ends within its first header"),
    "text": (b"no archive\n" * 100, "is not a tar archive"),
    "zip": (b"PK\3\4" + bytes(600), "is a zip archive, not a tar archive; unpack it"),
    "zeros": (bytes(10240), "no description"),
    "truncated in a header": (GOOD[:700], "truncated: it ends within entry 'config.xml'"),
    "truncated in content": (archive(file("big", bytes(5000)))[:4000], "truncated: it ends within entry 'big'"),
    "truncated at a header": (GOOD[:-1024], "truncated: it ends within the header after entry 'root/etc/motd'"),
    "truncated gzip": (gzip.compress(GOOD)[:-20], "is truncated: its compressed data ends within"),
    "truncated xz": (lzma.compress(GOOD)[:-20], "is truncated: its compressed data ends within"),
    "truncated bzip2": (bz2.compress(GOOD)[:-20], "is truncated: its compressed data ends within"),
    "wrong gzip checksum": (gzip.compress(GOOD)[:-8] + bytes(8), "compressed data is damaged"),
    "damaged gzip": (gzip.compress(GOOD)[:30] + b"\xff" * 30 + gzip.compress(GOOD)[60:], "compressed data is damaged"),
    "damaged xz": (lzma.compress(GOOD)[:40] + b"\xff" * 30 + lzma.compress(GOOD)[70:], "compressed data is damaged"),
    "damaged bzip2": (bz2.compress(GOOD)[:40] + b"\xff" * 30 + bz2.compress(GOOD)[70:], "compressed data is damaged"),
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(600), "compressed with zstd"),
    "more after the end": (GOOD + file("hidden"), "data follows the end of the archive"),
    "zeros without end": (gzip.compress(GOOD + bytes(64 << 20)), "holds more than"),
    "no description": (file("readme") + END, "holds no description"),
    "description in image/": (file("image/config.xml", DESCRIPTION) + file("x") + END, "move it to the top"),
    "hidden description only": (file(".mine.kiwi", DESCRIPTION) + file("x") + END, "holds no description"),
    "description too deep": (file("a/b/config.xml", DESCRIPTION) + END, "holds no description"),
    "description is a link to a folder": (link("config.xml", "x") + folder("x") + END, "description 'x' is a folder"),
    "description is a folder": (folder("config.xml") + file("x") + END, "description 'config.xml' is a folder"),
    "link out of the wrapping folder": (
        file("my/config.xml", DESCRIPTION) + link("my/x", "../y") + END,
        "'x', a symbolic link to '../y', leads out of the archive",
    ),
}


@pytest.mark.parametrize(("content", "said"), DAMAGED.values(), ids=DAMAGED)
def test_what_is_no_recipe_archive_is_refused_and_nothing_is_written(
    refused: Refused, content: bytes, said: str, limits: Limits
) -> None:
    # Few entries, so that the allowance for their headers is small.
    assert said in refused(content, replace(limits, entries=20))


def test_more_entries_than_the_limit_are_refused(refused: Refused) -> None:
    members = b"".join(file(f"many/{number}") for number in range(250))
    assert "more than 200 files, folders and links, reached with entry 'many/19" in refused(archive(members))


def test_folders_that_only_names_imply_count_as_entries(refused: Refused) -> None:
    members = b"".join(file("/".join([f"{number}"] + ["d"] * 50)) for number in range(5))
    assert "more than 200 files, folders and links" in refused(archive(members))


def test_one_folder_listed_without_end_is_refused(refused: Refused, limits: Limits) -> None:
    bomb = folder("again") * 100
    assert "the archive holds more than 20 entries" in refused(archive(bomb), replace(limits, entries=20))


def test_global_headers_without_end_are_refused(refused: Refused) -> None:
    bomb = extended(tarfile.XGLTYPE, pax_record("comment", b"x")) * 100
    assert "two extended headers of one kind in a row" in refused(archive(bomb))


@pytest.mark.usefixtures("child")
def test_a_decompressor_that_takes_too_much_memory_is_stopped(refused: Refused, limits: Limits) -> None:
    wide = lzma.compress(GOOD, filters=[{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": 1 << 28}])
    said = refused(wide, replace(limits, memory_bytes=64 << 20))
    assert "more memory than the limit of 67108864 bytes" in said


@pytest.mark.usefixtures("child")
def test_an_archive_that_takes_too_long_is_stopped(refused: Refused, limits: Limits) -> None:
    winding = "x/../" * 800 + "x"
    slow = archive(folder("root/x"), *(link(f"root/{number}", winding) for number in range(3000)))
    said = refused(slow, replace(limits, entries=4000, seconds=1, bytes=64 << 20))
    assert "more time than the limit of 1 seconds" in said


def test_a_recipe_is_unpacked_with_its_modes_and_times(unpack: Unpack) -> None:
    folder_of = unpack(
        archive(
            folder("."),
            file("config.sh", b"#!/bin/sh\n", 0o755),
            folder("root/tmp", 0o1777),
            folder("root/srv", 0o6555),
            file("root/srv/key", b"k", 0o400),
            file("root/été", b""),
        )
    )
    assert (folder_of / "config.xml").read_bytes() == DESCRIPTION
    assert stat.S_IMODE((folder_of / "config.sh").stat().st_mode) == 0o755
    assert stat.S_IMODE((folder_of / "root/tmp").stat().st_mode) == 0o1777
    assert stat.S_IMODE((folder_of / "root/srv").stat().st_mode) == 0o555
    assert stat.S_IMODE((folder_of / "root/srv/key").stat().st_mode) == 0o400
    assert (folder_of / "root/srv/key").stat().st_mtime == 1_700_000_000
    assert (folder_of / "root/été").read_bytes() == b""
    assert names(folder_of.parent) == ["recipe"]


def test_overlay_links_are_kept_as_they_are(unpack: Unpack) -> None:
    targets = {
        "root/etc/systemd/system/default.target": "/usr/lib/systemd/system/multi-user.target",
        "root/etc/os-release": "../usr/lib/os-release",
        "root/usr/bin/top": "../../usr/sbin/top",
        "root/usr/lib64": "lib",
    }
    folder_of = unpack(archive(*(link(name, target) for name, target in targets.items())))
    assert {name: str((folder_of / name).readlink()) for name in targets} == targets


def test_links_within_the_recipe_and_hard_links_to_its_files_are_kept(unpack: Unpack) -> None:
    folder_of = unpack(
        archive(
            file("scripts/a.sh", b"a"),
            hard_link("b.sh", "./scripts/a.sh"),
            hard_link("c.sh", "b.sh"),
            link("config.sh", "scripts/a.sh"),
            link("scripts/top", "../scripts"),
        )
    )
    assert (folder_of / "c.sh").samefile(folder_of / "scripts/a.sh")
    assert str((folder_of / "config.sh").readlink()) == "scripts/a.sh"
    assert (folder_of / "config.sh").read_bytes() == b"a"


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, lzma.compress], ids=["", "gz", "bz2", "xz"])
def test_each_compression_is_understood(unpack: Unpack, compress: Callable[[bytes], bytes]) -> None:
    assert (unpack(compress(GOOD)) / "root/etc/motd").read_bytes() == b"content\n"


@pytest.mark.parametrize("wrapper", ["my-recipe", "image", "root"])
def test_a_wrapping_folder_is_stripped(unpack: Unpack, wrapper: str) -> None:
    content = (
        folder(wrapper)
        + file(f"{wrapper}/my.kiwi", DESCRIPTION)
        + file(f"{wrapper}/root/etc/motd")
        + hard_link(f"{wrapper}/again", f"{wrapper}/root/etc/motd")
        + link(f"{wrapper}/root/x", "/usr")
        + END
    )
    folder_of = unpack(content)
    assert names(folder_of) == ["again", "my.kiwi", "root"]
    assert (folder_of / "again").samefile(folder_of / "root/etc/motd")


def test_archives_of_git_and_with_long_names_are_understood(unpack: Unpack) -> None:
    long = "root/" + "/".join(["long" * 20] * 10)
    content = (
        extended(tarfile.XGLTYPE, pax_record("comment", b"9c0ffee"))
        + config()
        + file(long)
        + pax(path="root/pax", mtime="1700000000.5")
        + file("short")
        + END
    )
    assert long in names_in(content)
    folder_of = unpack(content)
    assert (folder_of / long).is_file()
    assert (folder_of / "root/pax").is_file()


def test_what_python_packs_is_understood(unpack: Unpack, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "root/etc").mkdir(parents=True)
    (source / "config.xml").write_bytes(DESCRIPTION)
    (source / "root/etc/größe").write_bytes(bytes(700))
    with tarfile.open(tmp_path / "packed.tar", "w", format=tarfile.PAX_FORMAT) as packed:
        packed.add(source, ".")
    folder_of = unpack((tmp_path / "packed.tar").read_bytes())
    assert (folder_of / "root/etc/größe").stat().st_size == 700


def test_a_folder_that_exists_is_left_alone(recipe: Path, tmp_path: Path, limits: Limits) -> None:
    recipe.mkdir(parents=True)
    (recipe / "mine").touch()
    (tmp_path / "packed").write_bytes(GOOD)
    with pytest.raises(Conflict, match="exists already"):
        unpack_recipe(tmp_path / "packed", recipe, limits)
    assert names(recipe) == ["mine"]


def test_what_a_killed_attempt_left_is_removed(unpack: Unpack, recipe: Path) -> None:
    left = recipe.parent / ".recipe.unpacking"
    (left / "locked").mkdir(parents=True)
    (left / "locked/file").touch()
    (left / "locked").chmod(0o500)
    unpack(GOOD)
    assert names(recipe.parent) == ["recipe"]
    assert not (recipe / "locked").exists()


def test_the_archive_builders_are_honest() -> None:
    assert names_in(archive(folder("a"), file("a/b"), padded(b""), link("c", "d"))) == ["config.xml", "a", "a/b", "c"]
