"""The image root in a pod: where it is, and how it is mounted.

It is always `<workspace>/root`: kiwi builds it there, unsquashfs unpacks it there. Of an image that is customized where
the pod may mount, it is the rootfs with an overlay on the workspace, which each pod mounts for itself. A mount ends
with its pod at the latest; the changes lie in the workspace, and the next pod sees them.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from builder.contract.prepared import Prepared
from builder.pod.image_root.mounts import unmount_below
from builder.pod.image_root.processes import end_processes_in
from builder.pod.step import StepFailed, say
from builder.pod.whole_file import whole_file

# index: a hard link that is changed stays one. redirect_dir: a folder of the rootfs can be renamed.
_OPTIONS = "index=on,redirect_dir=on"


@dataclass(frozen=True)
class Overlay:
    """The folders of an overlay in the workspace; `upper` holds what was changed."""

    workspace: Path

    @property
    def rootfs(self) -> Path:
        """The rootfs as it was downloaded; it is only read."""
        return self.workspace / "rootfs"

    @property
    def lower(self) -> Path:
        """Where the rootfs is mounted."""
        return self.workspace / "overlay" / "lower"

    @property
    def upper(self) -> Path:
        """What was changed."""
        return self.workspace / "overlay" / "upper"

    @property
    def work(self) -> Path:
        """The overlay's own."""
        return self.workspace / "overlay" / "work"

    @property
    def is_there(self) -> bool:
        """Whether the workspace's root is one."""
        return self.work.is_dir()


def note_prepared(workspace: Path, **made_of: str) -> None:
    """Note that the workspace's root is ready; what is packed of it is identified by this note.

    The root is on the disk before the note is: what made it did not wait for that (builder/pod/unsynced.py).

    Args:
        workspace: The workspace.
        made_of: What it was made of.

    Raises:
        StepFailed: The workspace cannot be synced to its disk.
    """
    synced = subprocess.run(["sync", "--file-system", str(workspace)], capture_output=True, text=True, check=False)
    if synced.returncode:
        raise StepFailed(f"the image root cannot be written to its disk: {synced.stderr.strip()}")
    with whole_file(workspace / "prepared.json") as note:
        note.write_bytes(Prepared(made_of).to_json())


def renew_prepared(workspace: Path) -> None:
    """Note that the workspace's root has changed, and is ready again."""
    note_prepared(workspace, **Prepared.from_json((workspace / "prepared.json").read_bytes()).made_of)


def is_prepared(workspace: Path, **made_of: str) -> bool:
    """Return whether the workspace's root is ready, and was made of this."""
    note = workspace / "prepared.json"
    return note.exists() and made_of.items() <= Prepared.from_json(note.read_bytes()).made_of.items()


@contextmanager
def image_root(workspace: Path) -> Iterator[Path]:
    """Give the image root of a workspace, mounted for as long as the block runs when it is an overlay.

    At the end its processes are ended, and all that is mounted at and below it is unmounted.

    Raises:
        StepFailed: The workspace holds no image root, or it cannot be mounted.
    """
    root, overlay = workspace / "root", Overlay(workspace)
    if not root.is_dir():
        raise StepFailed("the workspace holds no image root")
    try:
        if overlay.is_there:
            _mount_rootfs(overlay)
            _mount_overlay(overlay, root)
        yield root
    finally:
        end_processes_in(root)
        unmount_below(root)
        unmount_below(overlay.lower)


def make_overlay(workspace: Path) -> bool:
    """Make the workspace's root an overlay of its rootfs; return whether that is possible here.

    Safe to repeat: what was changed in an overlay that is there stays.
    """
    overlay = Overlay(workspace)
    if overlay.is_there:
        return True
    for folder in (workspace / "root", overlay.lower, overlay.upper):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        _mount_rootfs(overlay)
        _take_over(overlay.lower, overlay.upper)
        overlay.work.mkdir()
        _mount_overlay(overlay, workspace / "root")
    except StepFailed as refused:
        unmount_below(overlay.lower)
        shutil.rmtree(overlay.lower.parent)
        say(str(refused))
        return False
    unmount_below(workspace / "root")
    unmount_below(overlay.lower)
    return True


def drop_rootfs(workspace: Path) -> None:
    """Make room: remove the rootfs that the workspace's root was unpacked from; nothing when it is mounted there."""
    overlay = Overlay(workspace)
    if not overlay.is_there:
        overlay.rootfs.unlink(missing_ok=True)


def remove_root(root: Path) -> None:
    """Remove a partially built root; nothing mounted in it is touched.

    Raises:
        StepFailed: Something in it cannot be removed.
    """
    if not root.exists():
        return
    say("removing the image root of an earlier attempt")
    unmount_below(root)
    removed = subprocess.run(
        ["rm", "--recursive", "--force", "--one-file-system", str(root)], capture_output=True, text=True, check=False
    )
    if removed.returncode:
        raise StepFailed(f"the image root of an earlier attempt cannot be removed: {removed.stderr.strip()}")


def _take_over(source: Path, target: Path) -> None:
    """Give a folder the owner, mode, times and extended attributes of another: an overlay's `/` has its upper's."""
    known = source.stat()
    os.chown(target, known.st_uid, known.st_gid)
    shutil.copystat(source, target)


def _mount_rootfs(overlay: Overlay) -> None:
    _mount("squashfs", "ro,loop", str(overlay.rootfs), overlay.lower)


def _mount_overlay(overlay: Overlay, root: Path) -> None:
    layers = f"lowerdir={overlay.lower},upperdir={overlay.upper},workdir={overlay.work}"
    _mount("overlay", f"{layers},{_OPTIONS}", "overlay", root)


def _mount(kind: str, options: str, what: str, point: Path) -> None:
    command = ["mount", "-t", kind, "-o", options, what, str(point)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StepFailed(f"the {kind} of the image root cannot be mounted: {' '.join(done.stderr.split())}")
