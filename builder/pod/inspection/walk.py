"""One walk over an image root, for what can only be found by looking at all of it."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from builder.pod.inspection.folders import is_open_to_all
from builder.pod.inspection.secrets import may_be_key

# Their content is no part of the image, or the kernel's.
_LEFT_OUT = frozenset({"dev", "proc", "run", "sys", "tmp", "image", "var/cache/kiwi"})
# Packages bring keys for their own tests.
_OF_PACKAGES = ("usr/lib", "usr/share", "usr/src", "lib")


@dataclass
class Seen:
    """What was seen: the folders that all may write to without the sticky bit, and files that may be private keys."""

    entries: int = 0
    writable: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)


def walk(root: Path) -> Seen:
    """Look at every folder of a root, and at every name. No file is read, and no link is followed."""
    seen, left = Seen(), [""]
    while left:
        folder = left.pop()
        above = f"{folder}/" if folder else ""
        if is_open_to_all(root / folder):
            seen.writable.append(folder)
        of_packages = folder.startswith(_OF_PACKAGES)
        with os.scandir(root / folder) as entries:
            for entry in entries:
                seen.entries += 1
                if entry.is_dir(follow_symlinks=False):
                    if above + entry.name not in _LEFT_OUT:
                        left.append(above + entry.name)
                elif not of_packages and may_be_key(folder, entry.name):
                    seen.keys.append(above + entry.name)
    seen.writable.sort()
    return seen
