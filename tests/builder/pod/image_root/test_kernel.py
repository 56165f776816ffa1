"""Tests of builder/pod/image_root/kernel.py, on files as kernels have them."""

import gzip
import struct
from pathlib import Path

import pytest

from builder.contract.options import Options
from builder.pod.image_root.kernel import kernels_of, version_of
from builder.pod.step import StepFailed


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "boot").mkdir()
    return tmp_path


def add_modules(root: Path, *versions: str) -> None:
    for version in versions:
        folder = root / "usr/lib/modules" / version
        folder.mkdir(parents=True)
        (folder / "modules.dep").touch()
    if not (root / "lib").exists():
        (root / "lib").symlink_to("usr/lib")


def bzimage(version: str) -> bytes:
    """Return what begins as a bzImage: Documentation/arch/x86/boot.rst."""
    body = bytearray(0x4000)
    body[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", body, 0x20E, 0x3000 - 0x200)
    said = f"{version} (builder@host) #1 SMP\0".encode()
    body[0x3000 : 0x3000 + len(said)] = said
    return bytes(body)


BANNER = b"\0 Linux version 6.4.0-150600.21-default (geeko@buildhost) \0"
FORMS = {
    "a bzImage": ("vmlinuz", bzimage("6.1.0-18-cloud-amd64"), "6.1.0-18-cloud-amd64"),
    "an Image of aarch64": ("Image", BANNER, "6.4.0-150600.21-default"),
    "a packed one": ("vmlinuz", gzip.compress(BANNER), "6.4.0-150600.21-default"),
    "one that its name tells": ("vmlinuz-5.14.0-1.el9", b"compressed", "5.14.0-1.el9"),
}


@pytest.mark.parametrize(("name", "content", "version"), FORMS.values(), ids=FORMS)
def test_the_version_of_a_kernel_is_what_it_says(root: Path, name: str, content: bytes, version: str) -> None:
    add_modules(root, "1.0-other", version)
    (root / "boot" / name).write_bytes(content)
    assert version_of(root, root / "boot" / name) == version


def test_a_kernel_that_says_nothing_is_that_of_the_only_modules(root: Path) -> None:
    (root / "boot/vmlinuz").write_bytes(gzip.compress(b"nothing")[:-9])
    add_modules(root, "6.1")
    assert version_of(root, root / "boot/vmlinuz") == "6.1"
    add_modules(root, "6.2")
    with pytest.raises(StepFailed, match=r"the version of /boot/vmlinuz is not known: /lib/modules has 6\.1, 6\.2"):
        version_of(root, root / "boot/vmlinuz")


def test_a_kernel_without_modules_is_refused(root: Path) -> None:
    add_modules(root, "6.1.0-17")
    (root / "boot/vmlinuz").write_bytes(bzimage("6.1.0-18"))
    with pytest.raises(StepFailed, match=r"kernel 6\.1\.0-18, and the image root has no modules of it: .* 6\.1\.0-17"):
        version_of(root, root / "boot/vmlinuz")


def test_another_kernel_or_other_modules_make_a_difference(root: Path) -> None:
    options = Options()
    none = kernels_of(root, options)
    (root / "boot/vmlinuz").write_bytes(b"one")
    one = kernels_of(root, options)
    (root / "etc").mkdir()
    assert one == kernels_of(root, options) != none
    (root / "boot/vmlinuz").write_bytes(b"two")
    two = kernels_of(root, options)
    add_modules(root, "6.1")
    assert len({one, two, kernels_of(root, options)}) == 3
