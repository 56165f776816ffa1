"""builder/pod/rootfs/lazy_rootfs.py and lazy_server.py in the builder image: a real squashfs, mounted over FUSE."""

import hashlib
import os
from pathlib import Path

import pytest

from builder.pod.rootfs.lazy_file import BLOCK_BYTES
from tests.builder.s3_stand_in import StandIn
from tests.builder_pod import run_in_builder

pytestmark = pytest.mark.containers

_BEFORE = """
import os
from pathlib import Path
from builder.pod.rootfs.lazy_rootfs import lazy_root
from builder.pod.image_root.root import image_root
from builder.contract.inputs import RootfsInput
from builder.pod.rootfs.rootfs import Rootfs
from builder.pod.step import run_step
here = Path("/workspace")
def downloading(): return lazy_root(here)
def digest(file):
    import hashlib
    return hashlib.sha256(file.read_bytes()).hexdigest()
def left():
    mounts = Path("/proc/mounts").read_text()
    return sorted(each.name for each in here.iterdir()), "ims-rootfs" in mounts or "workspace/" in mounts
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, str]:
    """A rootfs of many blocks, and the sha256 of its large file."""
    folder = tmp_path_factory.mktemp("large")
    for name in ("etc", "usr", "opt"):
        (folder / "root" / name).mkdir(parents=True)
    content = os.urandom(24 * BLOCK_BYTES)
    (folder / "root/opt/large").write_bytes(content)
    (folder / "root/etc/motd").write_text("as it was\n")
    made = run_in_builder(["mksquashfs", "root", "rootfs", "-quiet", "-no-progress"], workspace=folder)
    assert made.returncode == 0, made.stdout
    return (folder / "rootfs").read_bytes(), hashlib.sha256(content).hexdigest()


@pytest.fixture
def environment(server: StandIn, large: tuple[bytes, str]) -> dict[str, str]:
    server.objects["/rootfs"] = large[0]
    return {
        "IMS_ROOTFS_URL": server.url("/rootfs"),
        "IMS_ROOTFS_SIZE": str(len(large[0])),
        "IMS_ROOTFS_CHECKSUM": f"sha256:{hashlib.sha256(large[0]).hexdigest()}",
    }


def run(workspace: Path, environment: dict[str, str], program: str, exit_code: int = 0) -> list[str]:
    done = run_in_builder(["python3", "-c", _BEFORE + program], workspace=workspace, environment=environment)
    assert done.returncode == exit_code, done.stdout
    return done.stdout.splitlines()


def test_the_root_is_there_before_its_rootfs(
    tmp_path: Path, environment: dict[str, str], server: StandIn, large: tuple[bytes, str]
) -> None:
    changed = """
with downloading():
    with image_root(here) as root:
        print((root / "etc/motd").read_text().strip(), (root / "opt/large").stat().st_size)
        (root / "etc/motd").write_text("changed")
print(left())
"""
    said = run(tmp_path, environment, changed)
    assert said[1:] == [f"as it was {24 * BLOCK_BYTES}", "(['overlay', 'root'], False)"]
    assert len(server.requests) <= 4, "only what was looked at has come"

    arrived = """
with downloading() as download:
    with image_root(here) as root:
        download.fetch_rest()
        print((root / "etc/motd").read_text(), digest(root / "opt/large"))
    download.wait()
print(left())
"""
    said = run(tmp_path, environment, arrived)
    assert f"changed {large[1]}" in said
    assert said[-1] == "(['overlay', 'root', 'rootfs'], False)"
    assert "the rootfs is here" in said
    assert (tmp_path / "rootfs").read_bytes() == large[0]

    plain = "with image_root(here) as root: print((root / 'etc/motd').read_text(), digest(root / 'opt/large'))"
    assert run(tmp_path, {}, plain) == [f"changed {large[1]}"]


def test_another_content_ends_it(tmp_path: Path, environment: dict[str, str]) -> None:
    environment["IMS_ROOTFS_CHECKSUM"] = "md5:0123"
    program = """
def step():
    with downloading() as download:
        download.fetch_rest()
        download.wait()
code = run_step(step)
print(left())
raise SystemExit(code)
"""
    said = run(tmp_path, environment, program, exit_code=1)
    [error] = [line for line in said if line.startswith("error: ")]
    assert error == "error: the downloaded rootfs has another md5 than it should: the shell was open on a broken root"
    assert "(['overlay', 'root'], False)" in said


def test_a_fault_is_an_error_of_one_read_only(
    tmp_path: Path, environment: dict[str, str], server: StandIn, large: tuple[bytes, str]
) -> None:
    program = """
with downloading() as download, image_root(here) as root:
    for _ in range(2):
        try:
            print(digest(root / "opt/large"))
        except OSError as error:
            print("failed", error.errno)
    download.check()
"""
    # Some requests are for what mounting needs.
    server.faults["/rootfs"] = [*[""] * 8, "400"]
    said = run(tmp_path, environment, program)
    assert said[-1] == large[1]
    assert any("of the rootfs cannot be read: " in line for line in said)


def test_a_step_that_fails_where_reads_failed_may_be_tried_again(
    tmp_path: Path, environment: dict[str, str], server: StandIn
) -> None:
    program = """
from builder.pod.step import StepFailed
def step():
    with downloading() as download:
        try:
            with image_root(here) as root:
                digest(root / "opt/large")
        except OSError as failure:
            download.raise_if_read_failed(failure)
raise SystemExit(run_step(step))
"""
    server.faults["/rootfs"] = [*[""] * 8, *["403"] * 50]
    said = run(tmp_path, environment, program, exit_code=75)
    [error] = [line for line in said if line.startswith("error: ")]
    assert error.startswith("error: [Errno 5] Input/output error")
    assert "; the rootfs could not be read: " in error


def test_what_a_killed_pod_has_left_takes_no_space(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "rootfs.part-0123").write_bytes(b"half")
    (tmp_path / "rootfs").symlink_to("/run/ims-rootfs/rootfs")
    program = """
with downloading() as download:
    print(sorted(each.name[:12] for each in here.iterdir() if each.name != "rootfs.part-0123"))
    download.wait()
print(left())
"""
    said = run(tmp_path, environment, program)
    assert "['overlay', 'root', 'rootfs', 'rootfs.part-']" in said
    assert said[-1] == "(['overlay', 'root', 'rootfs'], False)"
    assert not (tmp_path / "rootfs").is_symlink()


def test_a_disk_that_is_full_is_no_content(tmp_path: Path, environment: dict[str, str]) -> None:
    """A file without a buffer takes less than it is given there, and says nothing."""
    program = """
import subprocess
from builder.pod.transfer.ranges import read_range
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "small", "/mnt"], check=True)
(Path("/mnt") / "rootfs").touch()
source = Rootfs.of(RootfsInput.from_environment(os.environ)).source
raise SystemExit(run_step(lambda: read_range(source, Path("/mnt/rootfs"), 0, 1 << 20)))
"""
    said = run(tmp_path, environment, program, exit_code=1)
    assert "No space left on device" in said[-1]


def test_a_server_that_was_killed_ends_the_download(tmp_path: Path, environment: dict[str, str]) -> None:
    program = """
import subprocess
def step():
    with downloading() as download, image_root(here) as root:
        subprocess.run(["pkill", "-KILL", "-f", "lazy_server"])
        download.wait()
code = run_step(step)
print(left())
raise SystemExit(code)
"""
    said = run(tmp_path, environment, program, exit_code=75)
    assert "error: the rootfs cannot be read any more: what serves it ended with exit code -9" in said
    assert "(['overlay', 'root'], False)" in said


@pytest.mark.parametrize("missing", ["/dev/fuse", "/usr/lib/python3/dist-packages/trio"])
def test_where_it_cannot_be_had_nothing_is_changed(tmp_path: Path, environment: dict[str, str], missing: str) -> None:
    program = f"""
import subprocess
subprocess.run(["rm", "-r", {missing!r}], check=True)
with downloading() as download:
    print(download)
print(left())
"""
    said = run(tmp_path, environment, program)
    assert said[0].startswith("the rootfs has to be downloaded first: ")
    assert said[1:] == ["None", "([], False)"]
