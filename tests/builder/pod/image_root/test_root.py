"""builder/pod/image_root/root.py and chroot.py in the builder image: real mounts, on a real squashfs."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builder_pod import run_in_builder

pytestmark = pytest.mark.containers

_BEFORE = """
import subprocess
from pathlib import Path
from builder.pod.image_root.chroot import put_back, ready_for_chroot
from builder.pod.image_root.root import image_root, make_overlay
here = Path("/workspace")
def sh(script): return subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
def mounts(): return sh("grep -c workspace/ /proc/mounts || true").strip()
"""


@pytest.fixture
def workspace(tmp_path: Path, tiny_rootfs: Path) -> Iterator[Path]:
    """A workspace that holds a rootfs."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    shutil.copyfile(tiny_rootfs / "rootfs", folder / "rootfs")
    yield folder
    assert str(folder) not in Path("/proc/self/mountinfo").read_text()
    shutil.rmtree(folder)


def run(workspace: Path, program: str) -> list[str]:
    """Run a Python program in a pod, and return the lines that it says."""
    done = run_in_builder(["python3", "-c", _BEFORE + program], workspace=workspace)
    assert done.returncode == 0, done.stdout
    return done.stdout.splitlines()


def test_the_changes_of_one_pod_are_there_in_the_next(workspace: Path) -> None:
    first = """
assert make_overlay(here)
with image_root(here) as root:
    (root / "etc/motd").write_text("changed")
assert make_overlay(here), "it stays as it is"
print(mounts())
"""
    second = """
with image_root(here) as root:
    print((root / "etc/motd").read_text(), oct(root.stat().st_mode))
print(mounts())
"""
    assert run(workspace, first) == ["0"]
    assert run(workspace, second) == ["changed 0o40755", "0"]


def test_what_a_chroot_needs_is_lent_and_removed_again(workspace: Path) -> None:
    program = """
make_overlay(here)
with image_root(here) as root:
    (root / "usr/sbin/invoke-rc.d").touch()
    with ready_for_chroot(root):
        print(sh(f"chroot {root} sh -c 'grep -v ^# /etc/resolv.conf'") == Path("/etc/resolv.conf").read_text())
        print(sh(f"chroot {root} sh -c 'policy-rc.d; echo $?; ls -d /proc/self /sys/class /dev/null /dev/pts'").split())
        subprocess.Popen(["chroot", root, "sleep", "1000"])
        sh(f"mount -t tmpfs users {root}/mnt")
    print((root / "etc/resolv.conf").is_symlink(), sorted(each.name for each in (root / "etc").iterdir()))
    print((root / "usr/sbin/policy-rc.d").exists(), list((root / "dev").iterdir()))
print(mounts())
"""
    assert run(workspace, program) == [
        "True",
        "['101', '/dev/null', '/dev/pts', '/proc/self', '/sys/class']",
        "ending 1 processes that still run in the image root",
        "True ['group', 'passwd', 'resolv.conf', 'shadow']",
        "False []",
        "0",
    ]


def test_a_resolver_that_was_changed_is_kept(workspace: Path) -> None:
    program = """
make_overlay(here)
with image_root(here) as root:
    with ready_for_chroot(root):
        with (root / "etc/resolv.conf").open("a") as file:
            file.write("search example.org")
    print((root / "etc/resolv.conf").read_text().splitlines()[-1])
    print(sorted(each.name for each in (root / "etc").iterdir()))
"""
    assert run(workspace, program) == ["search example.org", "['group', 'passwd', 'resolv.conf', 'shadow']"]


@pytest.mark.parametrize("resolver", ["link", "none"])
def test_what_a_killed_pod_has_lent_is_put_back_by_the_next(workspace: Path, resolver: str) -> None:
    killed = f"""
import os
make_overlay(here)
with image_root(here) as root:
    if {resolver!r} == "none":
        (root / "etc/resolv.conf").unlink()
    with ready_for_chroot(root):
        os.kill(os.getpid(), 9) if os.getpid() != 1 else os._exit(9)
"""
    assert run_in_builder(["python3", "-c", _BEFORE + killed], workspace=workspace).returncode == 9
    after = """
with image_root(here) as root:
    put_back(root)
    print(sorted(each.name for each in (root / "etc").iterdir()), (root / "etc/resolv.conf").is_symlink())
"""
    names = ["group", "passwd", *(["resolv.conf"] if resolver == "link" else []), "shadow"]
    assert run(workspace, after) == [f"{names} {resolver == 'link'}"]


def test_a_root_with_links_out_of_it_does_not_lead_there(workspace: Path) -> None:
    program = """
outside = Path("/outside"); outside.mkdir(); (outside / "resolv.conf").write_text("of the pod")
root = here / "root"
for name in ("dev", "proc", "sys"): (root / name).mkdir(parents=True)
(root / "etc").symlink_to("/outside")
with image_root(here), ready_for_chroot(root): pass
print((outside / "resolv.conf").read_text(), len(list(outside.iterdir())))
"""
    assert run(workspace, program) == ["of the pod 1"]


def test_a_file_that_cannot_be_read_is_not_packed_as_an_empty_one(workspace: Path) -> None:
    make = "rm rootfs && mkdir -p made/etc && head -c 3000000 /dev/urandom | base64 > made/large"
    made = run_in_builder(["sh", "-c", f"{make} && mksquashfs made rootfs -quiet -no-progress"], workspace=workspace)
    assert made.returncode == 0, made.stdout
    with (workspace / "rootfs").open("r+b") as broken:
        # In the data of the file, which is compressed: a block of it cannot be read any more.
        broken.seek(1 << 20)
        broken.write(bytes(1 << 19))
    program = """
from builder.contract.options import Squashfs
from builder.pod.image_root.squashfs import pack
from builder.pod.step import run_step
make_overlay(here)
with image_root(here) as root:
    raise SystemExit(run_step(lambda: pack(root, here / "packed", Squashfs(), 0, root_is="this")))
"""
    done = run_in_builder(["python3", "-c", _BEFORE + program], workspace=workspace)
    assert done.returncode == 1, done.stdout
    assert "Failed to read file" in done.stdout.splitlines()[-1]
    assert not (workspace / "packed").exists()


def test_a_workspace_that_is_full_says_how_much_there_is(workspace: Path) -> None:
    (workspace / "context").mkdir()
    unpack = "from builder.pod.image_root.squashfs import unpack; from builder.pod.step import *\n"
    unpack += "raise SystemExit(run_step(lambda: unpack(Path('/workspace/rootfs'), Path('/small/root'))))"
    script = f"mkdir /small && mount -t tmpfs -o size=1m small /small && exec python3 -c {json.dumps(unpack)}"
    done = run_in_builder(["bash", "-c", script.replace("\\n", "\n")], workspace=workspace)
    advice, error = done.stdout.splitlines()[-2:]
    assert done.returncode == 1
    assert "No space left on device" in error
    assert error.endswith("GiB are free")
    assert "build_env_size" in advice
