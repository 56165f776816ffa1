"""Tests of builder/pod/image_root/boot_files.py."""

from pathlib import Path

import pytest

from builder.pod.image_root.boot_files import INITRD, KERNEL, Kind, find_boot_file, find_optional, resolve_in_root
from builder.pod.step import StepFailed


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An image root with an empty /boot, beside a file that does not belong to it."""
    (tmp_path / "outside").write_text("not the image's")
    (tmp_path / "root" / "boot").mkdir(parents=True)
    return tmp_path / "root"


def put(root: Path, *names: str) -> None:
    for name in names:
        (root / "boot" / name).write_text(name)


def link(root: Path, name: str, target: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("vmlinuz-6.1.0-1-amd64", "boot/vmlinuz-6.1.0-1-amd64"),
        ("/boot/vmlinuz-6.1.0-1-amd64", "boot/vmlinuz-6.1.0-1-amd64"),
        ("../boot/./vmlinuz-6.1.0-1-amd64", "boot/vmlinuz-6.1.0-1-amd64"),
        ("../../../../boot/vmlinuz-6.1.0-1-amd64", "boot/vmlinuz-6.1.0-1-amd64"),
        ("/usr/lib/kernel", "usr/lib/modules/kernel"),
    ],
    ids=["relative", "absolute: from the root", "by parents", "parents of the root are the root", "over folder links"],
)
def test_a_link_is_followed_within_the_root(root: Path, target: str, found: str) -> None:
    put(root, "vmlinuz-6.1.0-1-amd64")
    (root / "usr/lib/modules").mkdir(parents=True)
    (root / "usr/lib/modules/kernel").write_text("kernel")
    link(root, "usr/lib/kernel", "/lib/modules/kernel")
    link(root, "lib", "usr/lib")
    link(root, "boot/vmlinuz", target)
    assert find_boot_file(root, KERNEL, "vmlinuz").path == root / found


@pytest.mark.parametrize(
    "target",
    ["../../outside", "{outside}", "vmlinuz", "/boot/vmlinuz", "gone", "/boot", "plain/below"],
    ids=["by parents", "absolute", "to itself", "to itself, absolute", "dangling", "a folder", "below a file"],
)
def test_a_link_that_leads_to_no_file_of_the_root_is_no_kernel(root: Path, target: str) -> None:
    put(root, "plain")
    link(root, "boot/vmlinuz", target.format(outside=root.parent / "outside"))
    assert find_optional(root, "vmlinuz") is None
    with pytest.raises(StepFailed, match=r"has no kernel: there is no /boot/vmlinuz; /boot holds plain, vmlinuz$"):
        find_boot_file(root, KERNEL, "vmlinuz")


def test_links_in_circles_end(root: Path) -> None:
    link(root, "boot/a", "b")
    link(root, "boot/b", "a")
    with pytest.raises(FileNotFoundError):
        resolve_in_root(root, "boot/a")


@pytest.mark.parametrize(
    ("kind", "asked", "there", "taken"),
    [
        (KERNEL, "vmlinuz", ["vmlinuz-6.1.0-1-amd64"], "vmlinuz-6.1.0-1-amd64"),
        (KERNEL, "vmlinuz", ["vmlinuz-5.14.21-default", "vmlinux-5.14.21-default.gz"], "vmlinuz-5.14.21-default"),
        (KERNEL, "Image", ["Image-5.14.21-default"], "Image-5.14.21-default"),
        (KERNEL, "Image", ["Image-5.14.21", "vmlinuz-5.14.21"], "Image-5.14.21"),
        (KERNEL, "vmlinuz", ["vmlinuz-6.1.0", "vmlinuz-0-rescue-5f2b", "vmlinuz-6.1.0.old"], "vmlinuz-6.1.0"),
        (KERNEL, "vmlinuz", ["vmlinuz-6.1.0", ".vmlinuz-6.1.0.hmac", "vmlinuz-6.1.0.hmac"], "vmlinuz-6.1.0"),
        (INITRD, "initrd", ["initrd.img-6.1.0-1-amd64"], "initrd.img-6.1.0-1-amd64"),
        (INITRD, "initrd", ["initramfs-5.14.0.img", "initramfs-5.14.0kdump.img"], "initramfs-5.14.0.img"),
        (INITRD, "initrd", ["initrd-5.14.21-default", "initrd-5.14.21-default-kdump"], "initrd-5.14.21-default"),
    ],
    ids=[
        *("Debian's kernel", "SUSE's kernel, with its debug image", "aarch64's kernel", "the asked name comes first"),
        *("rescue and old kernels", "checksum files", "Debian's initrd", "Red Hat's initrd, and kdump's"),
        "SUSE's initrd, and kdump's",
    ],
)
def test_the_only_one_with_a_version_is_taken_and_said_so(
    root: Path, kind: Kind, asked: str, there: list[str], taken: str
) -> None:
    put(root, *there, "config-6.1.0", "System.map-6.1.0")
    found = find_boot_file(root, kind, asked)
    assert found.path == root / "boot" / taken
    assert found.note == f"/boot/{asked} is not in the image root: took the only {kind.name} there is, {taken}"


def test_the_named_file_is_taken_without_a_word(root: Path) -> None:
    put(root, "vmlinuz", "vmlinuz-6.1.0", "vmlinuz-6.6.0")
    found = find_boot_file(root, KERNEL, "vmlinuz")
    assert (found.path, found.note) == (root / "boot/vmlinuz", "")


def test_several_are_listed(root: Path) -> None:
    put(root, "vmlinuz-6.1.0", "vmlinuz-6.6.0")
    with pytest.raises(StepFailed, match=r"several to choose from: vmlinuz-6\.1\.0, vmlinuz-6\.6\.0; name one of them"):
        find_boot_file(root, KERNEL, "vmlinuz")


def test_a_root_without_boot_has_no_kernel(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match="/boot holds nothing"):
        find_boot_file(tmp_path, KERNEL, "vmlinuz")


def test_a_boot_folder_that_is_a_link_is_followed_within_the_root(root: Path) -> None:
    (root / "boot").rmdir()
    (root / "usr/boot").mkdir(parents=True)
    (root / "usr/boot/vmlinuz-6.1.0").write_text("kernel")
    link(root, "boot", "/usr/boot")
    assert find_boot_file(root, KERNEL, "vmlinuz").path == root / "usr/boot/vmlinuz-6.1.0"
