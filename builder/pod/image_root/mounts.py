"""The mounts below an image root: made for scripts that run in it, and always unmounted after them.

A mount that stayed would have /dev or /proc packed into the image, or removed with a half-built root.
"""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from builder.pod.step import StepFailed, say

_KERNEL_FILE_SYSTEMS = ("/dev", "/proc", "/sys")


def mounts_below(root: Path, mountinfo: str) -> list[str]:
    """Return the mount points at and below a folder, the innermost and latest first.

    Args:
        root: An absolute path without links.
        mountinfo: The content of /proc/self/mountinfo.
    """
    points = [_unescape(line.split(" ")[4]) for line in mountinfo.splitlines()]
    return [point for point in reversed(points) if point == str(root) or point.startswith(f"{root}/")]


def unmount_below(root: Path) -> None:
    """Unmount all that is mounted at and below a folder.

    A busy mount is detached: the kernel unmounts it when the pod's last process ends.

    Raises:
        StepFailed: A mount cannot be unmounted at all.
    """
    for point in mounts_below(root.resolve(), Path("/proc/self/mountinfo").read_text()):
        if subprocess.run(["umount", point], capture_output=True, check=False).returncode:
            detached = subprocess.run(["umount", "--lazy", point], capture_output=True, text=True, check=False)
            if detached.returncode:
                raise StepFailed(f"{point} cannot be unmounted: {detached.stderr.strip()}")
            say(f"{point} is busy: detached")


@contextmanager
def kernel_file_systems(root: Path) -> Iterator[None]:
    """Give an image root /dev, /proc and /sys for as long as scripts run in it.

    Raises:
        StepFailed: A mount is refused, as it is outside of a privileged pod.
    """
    made: list[Path] = []
    try:
        for source in _KERNEL_FILE_SYSTEMS:
            target = root / source.removeprefix("/")
            if target.is_symlink() or not target.is_dir():
                raise StepFailed(f"the image root has no folder {source}")
            mounted = subprocess.run(
                ["mount", "--bind", source, str(target)], capture_output=True, text=True, check=False
            )
            if mounted.returncode:
                raise StepFailed(f"{source} cannot be mounted in the image root: {mounted.stderr.strip()}")
            made.append(target)
        yield
    finally:
        # Not at the root itself: it may be a mount that its own pod has made.
        for target in made:
            unmount_below(target)


def _unescape(path: str) -> str:
    # The kernel writes spaces, tabs, line ends and backslashes as \040 and so on.
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), path)
