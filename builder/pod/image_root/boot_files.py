"""Finding files in an image root's /boot.

A link is followed as it would be in the booted image: an absolute one starts at the root, none leads out of it.
"""

import errno
import re
from collections import deque
from dataclasses import dataclass
from pathlib import Path

# The kernel's own limit on links in one path (path_resolution(7)).
_LINKS = 40


@dataclass(frozen=True)
class Kind:
    """A kind of boot file, and how distributions name one that carries its kernel's version."""

    name: str
    versioned: re.Pattern[str]


# Rescue kernels and kdump's initrds stand beside the ones to boot, and so do old copies and checksums.
_ASIDE = r"(?!.*(rescue|kdump|fallback|\.(old|bak|hmac|sig|sha\d+|dpkg-\w+|rpm(save|new|orig))$|~$))"
KERNEL = Kind("kernel", re.compile(_ASIDE + r"(vmlinuz|Image)-\d\S*"))
INITRD = Kind("initrd", re.compile(_ASIDE + r"(initrd|initrd\.img|initramfs)-\d\S*"))


@dataclass(frozen=True)
class Found:
    """A boot file: where it is, and a note on how it was found (empty: none)."""

    path: Path
    note: str = ""


def kernel_version(kernel: Path) -> str:
    """Return the version in a kernel's name, or that of the modules that it lies beside; empty when there is none."""
    if KERNEL.versioned.fullmatch(kernel.name):
        return kernel.name.partition("-")[2]
    return kernel.parent.name if kernel.parent.parent.name == "modules" else ""


def initrd_version(name: str) -> str:
    """Return the version in an initrd's name; empty when the name has none."""
    if not INITRD.versioned.fullmatch(name):
        return ""
    version = name.removeprefix("initrd.img").removeprefix("initrd").removeprefix("initramfs").removeprefix("-")
    for ending in (".gz", ".xz", ".zst", ".img"):
        version = version.removesuffix(ending)
    return version


def find_optional(root: Path, name: str) -> Path | None:
    """Return the file in /boot that a name leads to within the root, or nothing when there is no regular file."""
    try:
        path = resolve_in_root(root, f"boot/{name}")
    except (FileNotFoundError, NotADirectoryError):
        return None
    return path if path.is_file() else None


def resolve_in_root(root: Path, name: str) -> Path:
    """Follow a path and its links as if the root were `/`.

    Raises:
        FileNotFoundError: It leads nowhere, or in circles.
        NotADirectoryError: It leads through a file.
    """
    left = deque(name.split("/"))
    inside: list[str] = []
    links = 0
    while left:
        part = left.popleft()
        if part in {"", "."}:
            continue
        if part == "..":
            # As in a real root, the parent of `/` is `/`.
            inside = inside[:-1]
            continue
        path = root.joinpath(*inside, part)
        if not path.is_symlink():
            path.lstat()
            inside.append(part)
            continue
        links += 1
        if links > _LINKS:
            raise FileNotFoundError(errno.ELOOP, "too many links", f"/{name}")
        target = str(path.readlink())
        if target.startswith("/"):
            inside = []
        left.extendleft(reversed(target.split("/")))
    return root.joinpath(*inside)


def names_in_boot(root: Path) -> list[str]:
    """Return what is in /boot, by name."""
    try:
        return sorted(entry.name for entry in resolve_in_root(root, "boot").iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
