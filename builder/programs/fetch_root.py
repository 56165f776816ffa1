"""The pod that makes a workspace of an image: its rootfs, mounted where the pod may mount, unpacked elsewhere.

Environment: IMS_CONTEXT_URL (presigned), IMS_CONTEXT_SHA256; IMS_ROOTFS_URL (presigned), IMS_ROOTFS_SIZE in bytes,
IMS_ROOTFS_CHECKSUM (`sha256:…` or `md5:…`; empty when nobody knows one); IMS_OVERLAY (`no`: always unpack). Safe to run
again: a root that is ready is kept, with what was changed in it.
"""

import os
import shutil
from pathlib import Path

from builder.programs.context import fetch
from builder.programs.root import Overlay, image_root, is_prepared, make_overlay, note_prepared, remove_root
from builder.programs.slices import download_in_slices
from builder.programs.space import MORE_SPACE, space_of
from builder.programs.squashfs import unpack
from builder.programs.step import StepFailed, end_with, required, run_step, say, workspace


def fetch_root() -> None:
    """Make the image root, unless it is there already."""
    url, size = required("IMS_ROOTFS_URL"), int(required("IMS_ROOTFS_SIZE"))
    checksum = os.environ.get("IMS_ROOTFS_CHECKSUM", "")
    here = workspace()
    made_of = {"rootfs_size": str(size), "rootfs_checksum": checksum}
    if is_prepared(here, **made_of):
        say("the image root is ready: nothing to do")
        return
    fetch(required("IMS_CONTEXT_URL"), required("IMS_CONTEXT_SHA256"), here / "context")
    overlay = Overlay(here)
    download_rootfs(url, size, checksum, overlay.rootfs)
    say(f"downloaded the rootfs: {size} bytes, {checksum or 'which nobody knows a checksum of'}")
    if os.environ.get("IMS_OVERLAY") != "no" and make_overlay(here):
        say("the image root is the rootfs, with an overlay on the workspace")
    else:
        remove_root(here / "root")
        # The rootfs stays until the root is packed: a script that is cut off begins again on it.
        unpack(overlay.rootfs, here / "root")
        say("the image root is the rootfs, unpacked")
    with image_root(here) as root:
        refuse_without_folders(root)
    note_prepared(here, **made_of)


def download_rootfs(url: str, size: int, checksum: str, target: Path) -> None:
    """Download a rootfs and check it, unless it is there.

    Raises:
        TryAgain: It cannot be had at the moment.
        StepFailed: There is no space for it, or the server refuses.
    """
    if target.exists() and target.stat().st_size == size:
        return
    if shutil.disk_usage(target.parent).free < size:
        raise StepFailed(f"the rootfs has {size} bytes; {space_of(target.parent)}", advice=MORE_SPACE)
    algorithm, _, digest = checksum.partition(":")
    download_in_slices(url, target, size, digest, algorithm=algorithm or "sha256")


def refuse_without_folders(root: Path) -> None:
    """Refuse a squashfs that is no image root: it has none of the folders that every root has.

    Raises:
        StepFailed: It is none.
    """
    if missing := [name for name in ("etc", "usr") if not (root / name).exists()]:
        raise StepFailed(f"the rootfs is no image root: it has no /{' and no /'.join(missing)}")


if __name__ == "__main__":
    end_with(run_step(fetch_root))
