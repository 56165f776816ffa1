"""Trees that GNU tar and bsdtar pack, in all their formats, are unpacked as they unpack them."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.limits import Limits
from ingest.unpacking import unpack
from tests.ingest.test_packed import trees, write
from tests.ingest.trees import scratch_folder, tree_of

LIMITS = Limits(bytes=4 << 20, entries=200, memory_bytes=1 << 20, seconds=1)
FORMATS = ["v7", "ustar", "oldgnu", "gnu", "posix"]
# bsdtar is the tar of macOS and of Windows.
BSD_FORMATS = ["ustar", "gnutar", "pax", "rpax", "v7tar"]


def packed(folder: Path, archive: Path, options: list[str]) -> bool:
    """Pack a folder; false when its names do not fit the format."""
    made = subprocess.run(["tar", "-C", folder, *options, "-cf", archive, "."], capture_output=True, check=False)
    return made.returncode == 0


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(trees(), st.sampled_from(FORMATS), st.booleans(), st.integers(1, 1 << 31))
def test_what_gnu_tar_packs_is_unpacked_as_gnu_tar_does(
    tree: dict[str, tuple[str, int, object]], form: str, sparse: bool, time: int
) -> None:
    with scratch_folder() as scratch:
        top, ours, theirs, archive = (Path(scratch, name) for name in ("top", "ours", "theirs", "packed.tar"))
        for folder in (top, ours, theirs):
            folder.mkdir()
        write(tree, top)
        (top / "config.xml").touch()
        os.utime(top / "config.xml", (time, time))
        if not packed(top, archive, [f"--format={form}", *(["--sparse"] if sparse else [])]):
            return
        subprocess.run(["tar", "-C", theirs, "--delay-directory-restore", "-xpf", archive], check=True)
        unpack(str(archive), str(ours), LIMITS, lambda _tree: None)
        assert tree_of(ours, times=True) == tree_of(theirs, times=True)


@pytest.mark.skipif(shutil.which("bsdtar") is None, reason="bsdtar is missing: bin/setup libarchive-tools")
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(trees(), st.sampled_from(BSD_FORMATS), st.integers(1, 1 << 31))
def test_what_bsdtar_packs_is_unpacked_as_bsdtar_does(
    tree: dict[str, tuple[str, int, object]], form: str, time: int
) -> None:
    with scratch_folder() as scratch:
        top, ours, theirs, archive = (Path(scratch, name) for name in ("top", "ours", "theirs", "packed.tar"))
        for folder in (top, ours, theirs):
            folder.mkdir()
        write(tree, top)
        (top / "config.xml").touch()
        os.utime(top / "config.xml", (time, time))
        environment = os.environ | {"LC_ALL": "C.UTF-8"}
        command = ["bsdtar", "-C", str(top), f"--format={form}", "-cf", str(archive), "."]
        if subprocess.run(command, env=environment, capture_output=True, check=False).returncode:
            return
        subprocess.run(["bsdtar", "-C", theirs, "-xpf", archive], env=environment, check=True)
        unpack(str(archive), str(ours), LIMITS, lambda _tree: None)
        assert tree_of(ours, times=True) == tree_of(theirs, times=True)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with one of each kind."""
    top = tmp_path / "top"
    (top / "root" / "etc").mkdir(parents=True)
    (top / "config.xml").write_text("<image/>")
    os.link(top / "config.xml", top / "again")
    (top / "root" / "etc" / "mtab").symlink_to("/proc/self/mounts")
    os.link(top / "root" / "etc" / "mtab", top / "root" / "etc" / "mtab2", follow_symlinks=False)
    return top


OPTIONS = {
    "xattrs and acls": ["--format=posix", "--xattrs", "--acls"],
    "a label": ["--label=my recipe"],
    "numeric owners": ["--numeric-owner", "--owner=4000000", "--group=4000000"],
    "a global header": ["--format=posix", "--pax-option=comment=x,globexthdr.name=y"],
    "a global time": ["--format=posix", "--pax-option=mtime=1234567890.5"],
    "without recursion of links": ["--hard-dereference"],
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_options_of_gnu_tar_make_no_difference(tree: Path, tmp_path: Path, options: list[str]) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.mkdir()
    theirs.mkdir()
    assert packed(tree, tmp_path / "packed.tar", options)
    subprocess.run(["tar", "-C", theirs, "-xpf", tmp_path / "packed.tar"], check=True)
    unpack(str(tmp_path / "packed.tar"), str(ours), LIMITS, lambda _tree: None)
    assert tree_of(ours, times=True) == tree_of(theirs, times=True)
