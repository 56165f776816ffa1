"""builder/pod/inspection/configuration.py: machine-id, fstab, and what the build left."""

import os
from pathlib import Path

import pytest

from builder.pod.inspection.configuration import check_fstab, check_left_behind, check_machine_id
from tests.builder.whole_root import Choices, make_root, put


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_root(tmp_path / "root", Choices(resolver_link=False))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("UUID=1c-2d / ext4 defaults 0 1", "line 1: UUID=1c-2d for / is a disk, which a node has to have"),
        ("/dev/sda2 swap swap defaults 0 0", "line 1: /dev/sda2 for swap is a disk"),
        ("a:/home /home nfs rw 0 0", "line 1: /home is of type nfs, and the image root has no mount.nfs"),
        ("a@tcp:/scratch /scratch lustre flock 0 0", "line 1: /scratch is of type lustre"),
        (
            "/opt/site /usr/site none bind 0 0",
            "line 1: /opt/site, to be mounted at /usr/site, is not in the image root",
        ),
    ],
)
def test_what_a_node_may_not_have_is_named_by_its_line(root: Path, line: str, reason: str) -> None:
    put(root, "etc/fstab", f"{line}\n")
    [found] = check_fstab(root)
    assert found.what.startswith(f"/etc/fstab: {reason}")


@pytest.mark.parametrize(
    "line",
    [
        "tmpfs /tmp tmpfs size=4G 0 0",
        "UUID=1c-2d /data ext4 defaults,nofail 0 2",
        "a:/home /home nfs noauto,rw 0 0",
        "/home /export/home none bind 0 0",
        "tmpfs /dev/shm tmpfs defaults 0 0",
        "# UUID=1c-2d / ext4 defaults 0 1",
        "  ",
        "half a",
    ],
)
def test_what_every_node_has_is_no_finding(root: Path, line: str) -> None:
    put(root, "etc/fstab", f"{line}\n")
    assert list(check_fstab(root)) == []


def test_a_helper_that_is_there_is_no_finding(root: Path) -> None:
    put(root, "etc/fstab", "a:/home /home nfs rw 0 0\n")
    put(root, "sbin/mount.nfs", "", 0o755)
    assert list(check_fstab(root)) == []


def test_dbuss_id_may_be_a_link_to_the_machines(root: Path) -> None:
    (root / "var/lib/dbus/machine-id").symlink_to("/etc/machine-id")
    assert list(check_machine_id(root)) == []


def test_the_resolver_of_the_pod_is_found(root: Path) -> None:
    put(root, "etc/resolv.conf", Path("/etc/resolv.conf").read_bytes() + b"#")
    assert list(check_left_behind(root)) == []
    put(root, "etc/resolv.conf", Path("/etc/resolv.conf").read_bytes() or b"")
    assert [each.name for each in check_left_behind(root)] == ["left-behind"]


def test_what_is_no_file_blocks_nothing(root: Path) -> None:
    for name in ("fstab", "machine-id", "resolv.conf"):
        (root / "etc" / name).unlink(missing_ok=True)
        os.mkfifo(root / "etc" / name)
    assert [*check_fstab(root), *check_machine_id(root), *check_left_behind(root)] == []
