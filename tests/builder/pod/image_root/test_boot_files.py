"""Tests of builder/pod/image_root/boot_files.py."""

from pathlib import Path

import pytest

from builder.pod.image_root.boot_files import find_optional, initrd_version, kernel_version, resolve_in_root


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
    assert find_optional(root, "vmlinuz") == root / found


@pytest.mark.parametrize(
    "target",
    ["../../outside", "{outside}", "vmlinuz", "/boot/vmlinuz", "gone", "/boot", "plain/below"],
    ids=["by parents", "absolute", "to itself", "to itself, absolute", "dangling", "a folder", "below a file"],
)
def test_a_link_that_leads_to_no_file_of_the_root_is_no_kernel(root: Path, target: str) -> None:
    put(root, "plain")
    link(root, "boot/vmlinuz", target.format(outside=root.parent / "outside"))
    assert find_optional(root, "vmlinuz") is None


def test_links_in_circles_end(root: Path) -> None:
    link(root, "boot/a", "b")
    link(root, "boot/b", "a")
    with pytest.raises(FileNotFoundError):
        resolve_in_root(root, "boot/a")


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("boot/vmlinuz-6.1.0-1-amd64", "6.1.0-1-amd64"),
        ("usr/lib/modules/5.14.0-503.el9.x86_64/vmlinuz", "5.14.0-503.el9.x86_64"),
        ("boot/vmlinuz", ""),
        ("boot/vmlinuz-0-rescue-5f2b", ""),
    ],
)
def test_a_kernels_place_tells_its_version(name: str, version: str) -> None:
    assert kernel_version(Path("/root") / name) == version


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("initrd.img-6.1.0-1-amd64", "6.1.0-1-amd64"),
        ("initrd-5.14.21-default", "5.14.21-default"),
        ("initramfs-5.14.0-503.el9.x86_64.img", "5.14.0-503.el9.x86_64"),
        ("initrd", ""),
        ("initramfs-5.14.0kdump.img", ""),
    ],
)
def test_an_initrds_name_tells_its_version(name: str, version: str) -> None:
    assert initrd_version(name) == version


def test_a_boot_folder_that_is_a_link_is_followed_within_the_root(root: Path) -> None:
    (root / "boot").rmdir()
    (root / "usr/boot").mkdir(parents=True)
    (root / "usr/boot/vmlinuz").write_text("kernel")
    link(root, "boot", "/usr/boot")
    assert find_optional(root, "vmlinuz") == root / "usr/boot/vmlinuz"
