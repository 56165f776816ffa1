"""Tests of ingest/script.py: scripts alone and in archives; hostile archives are those of test_unpacking.py."""

import gzip
import io
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from errors import BadInput
from ingest.limits import Limits
from ingest.script import LONGEST_SCRIPT_BYTES, check_entry, unpack_script
from tests.ingest.archives import END, file, header, link

Unpack = Callable[..., str]


@pytest.fixture
def folder(tmp_path: Path, outside: Path) -> Path:
    """Where a script is unpacked to."""
    (tmp_path / "workspace").mkdir()
    return tmp_path / "workspace/script"


@pytest.fixture
def unpack_it(folder: Path, tmp_path: Path, limits: Limits) -> Unpack:
    """Unpack what is given as bytes."""

    def unpack(content: bytes, entries: tuple[str, ...] = ("run.sh",), limits: Limits = limits) -> str:
        (tmp_path / "given").write_bytes(content)
        return unpack_script(tmp_path / "given", "given.sh", folder, entries, limits)

    return unpack


def packed(**files: str) -> bytes:
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name.replace("__", "/").replace("_", "."))
            info.size, info.mode = len(text), 0o750
            tar.addfile(info, io.BytesIO(text.encode()))
    return body.getvalue()


def test_a_script_that_comes_alone_is_the_only_file(unpack_it: Unpack, folder: Path) -> None:
    assert unpack_it(b"#!/bin/sh\necho \xff\n") == "given.sh"
    assert (folder / "given.sh").read_bytes() == b"#!/bin/sh\necho \xff\n"
    assert [file.name for file in folder.iterdir()] == ["given.sh"]


def test_an_archive_is_a_folder_with_its_entry(unpack_it: Unpack, folder: Path) -> None:
    assert unpack_it(packed(run_sh="one", data__x="two")) == "run.sh"
    assert ((folder / "run.sh").read_text(), (folder / "data/x").read_text()) == ("one", "two")
    assert (folder / "run.sh").stat().st_mode & 0o777 == 0o750


def test_the_first_entry_that_is_there_is_taken_and_a_wrapping_folder_does_not_count(unpack_it: Unpack) -> None:
    assert unpack_it(packed(top__playbook_yml="x", top__other="x"), ("site.yml", "playbook.yml")) == "playbook.yml"


def test_an_entry_may_lie_deeper_and_be_spelled_otherwise(unpack_it: Unpack) -> None:
    assert unpack_it(packed(bin__go="x", other="x"), ("./bin//go",)) == "bin/go"


NO_ENTRY = {
    "missing": (packed(a="x"), "has no file 'run.sh' to begin with"),
    "a folder": (packed(run_sh__x="x", a="x"), "has no file 'run.sh' to begin with"),
    "a link": (file("real.sh", b"x") + link("run.sh", "real.sh") + END, "has no file 'run.sh' to begin with"),
    "no archive": (gzip.compress(b"#!/bin/sh\necho\n" * 100), "the archive is a script, not a tar archive"),
    "a link out of it": (file("run.sh", b"x") + link("x", "/etc/shadow") + END, "leads out of the archive"),
    "a path out of it": (file("run.sh", b"x") + file("../outside/x", b"x") + END, "leads out of the archive with '..'"),
    "a device": (file("run.sh", b"x") + header("null", tarfile.CHRTYPE) + END, "is a character device"),
    "a zip": (b"PK\3\4" + bytes(900), r"the script given\.sh is a zip archive, not a script or a tar archive"),
    "a web page": (b"<!DOCTYPE html>\n<html>sign in", r"the script given\.sh is a web page"),
    "a zip in gzip": (gzip.compress(b"PK\3\4" + bytes(900)), "the archive is a zip archive"),
    "empty": (b"", "the script given.sh is empty"),
}


@pytest.mark.parametrize(("content", "said"), NO_ENTRY.values(), ids=NO_ENTRY)
def test_what_is_no_script_is_refused_without_a_trace(
    unpack_it: Unpack, folder: Path, content: bytes, said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        unpack_it(content)
    assert list(folder.parent.iterdir()) == []


def test_limits_hold_for_archives_and_for_scripts_alone(unpack_it: Unpack, folder: Path, limits: Limits) -> None:
    with pytest.raises(BadInput, match="unpacks to more than 10 bytes"):
        unpack_it(packed(run_sh="x" * 100), limits=replace(limits, bytes=10))
    with pytest.raises(BadInput, match=f"more than {LONGEST_SCRIPT_BYTES}"):
        unpack_it(b"#" * (LONGEST_SCRIPT_BYTES + 1))
    assert list(folder.parent.iterdir()) == []


def test_an_entry_that_leads_out_of_the_archive_is_refused(unpack_it: Unpack) -> None:
    with pytest.raises(BadInput, match="leads out of the archive"):
        unpack_it(packed(a="x"), ("../a",))


def test_a_script_with_line_ends_of_windows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.sh").write_text("#!/bin/sh\ntrue\r\n")
    with pytest.raises(BadInput, match=r"^run\.sh, line 2 has line ends of Windows"):
        check_entry(tmp_path, "run.sh")
    (tmp_path / "run.sh").write_text("#!/bin/sh\ntrue\n")
    check_entry(tmp_path, "run.sh")
