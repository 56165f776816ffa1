"""Finding the kernel and the initrd in an image root's /boot.

A link is followed as it would be in the booted image: an absolute one starts at the root, none leads out of it.
"""

import errno
import re
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from builder.pod.step import StepFailed

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


def find_boot_file(root: Path, kind: Kind, name: str) -> Found:
    """Find the kernel or the initrd: by its name, or else the only one that is there with a version.

    Args:
        root: The image root.
        kind: What to look for.
        name: The file's name in /boot, as the job says.

    Raises:
        StepFailed: None is there, or several and none by that name; the message lists what is.
    """
    named = find_optional(root, name)
    if named:
        return Found(named)
    there = _names_in_boot(root)
    versioned = [entry for entry in there if kind.versioned.fullmatch(entry) and find_optional(root, entry)]
    # On aarch64 both Image-… and vmlinuz-… may be there: the one with the name that the job gives comes first.
    candidates = [entry for entry in versioned if entry.startswith(f"{name}-")] or versioned
    if len(candidates) > 1:
        raise StepFailed(
            f"/boot/{name} is not in the image root and there are several to choose from: {', '.join(candidates)}; "
            f"name one of them as the job's {kind.name} file"
        )
    if not candidates:
        raise StepFailed(
            f"the image root has no {kind.name}: there is no /boot/{name}; /boot holds {', '.join(there) or 'nothing'}"
        )
    note = f"/boot/{name} is not in the image root: took the only {kind.name} there is, {candidates[0]}"
    return Found(resolve_in_root(root, f"boot/{candidates[0]}"), note)


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


def _names_in_boot(root: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in resolve_in_root(root, "boot").iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
