"""The rootfs that an image root is made of: fetched and checked, and mounted or unpacked.

Environment: IMS_ROOTFS_URL (presigned), IMS_ROOTFS_SIZE in bytes, IMS_ROOTFS_ETAG; IMS_ROOTFS_CHECKSUM (`sha256:…` or
`md5:…`; empty when nobody knows one); IMS_OVERLAY (`no`: always unpack).
"""

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from builder.programs.lazy_file import LazyFile
from builder.programs.root import Overlay, image_root, is_prepared, make_overlay, note_prepared, remove_root
from builder.programs.space import MORE_SPACE, space_of
from builder.programs.squashfs import unpack
from builder.programs.step import StepFailed, TryAgain, required, say
from builder.programs.transfer import Source


class OtherContent(TryAgain):
    """What has come is whole, and not what it should be."""


@dataclass(frozen=True)
class Rootfs:
    """A rootfs in S3, and its checksum: `sha256:…`, `md5:…`, or nothing when nobody knows one."""

    source: Source
    checksum: str = ""

    @classmethod
    def asked(cls) -> Self:
        """Return the one that the environment names.

        Raises:
            StepFailed: It names none.
        """
        url, size = required("IMS_ROOTFS_URL"), int(required("IMS_ROOTFS_SIZE"))
        source = Source(url, size, os.environ.get("IMS_ROOTFS_ETAG", ""))
        return cls(source, os.environ.get("IMS_ROOTFS_CHECKSUM", ""))

    @property
    def made_of(self) -> dict[str, str]:
        """What a root that is made of it is noted with (root.note_prepared)."""
        return {"rootfs_size": str(self.source.size), "rootfs_checksum": self.checksum}

    def is_root_of(self, here: Path) -> bool:
        """Tell whether the workspace's root is ready, and made of this rootfs."""
        return is_prepared(here, **self.made_of)


def make_root(here: Path, rootfs: Rootfs) -> None:
    """Make the workspace's root of a rootfs: mounted where that is possible and not forbidden, unpacked elsewhere.

    Safe to repeat: a root that is ready is kept, with what was changed in it.

    Raises:
        TryAgain: The rootfs cannot be had at the moment.
        StepFailed: There is no space, the server refuses, or it is no image root.
    """
    if rootfs.is_root_of(here):
        say("the image root is ready: nothing to do")
        return
    overlay = Overlay(here)
    download(rootfs, overlay.rootfs)
    say(f"downloaded the rootfs: {rootfs.source.size} bytes, {rootfs.checksum or 'which nobody knows a checksum of'}")
    if may_mount() and make_overlay(here):
        say("the image root is the rootfs, with an overlay on the workspace")
    else:
        remove_root(here / "root")
        # The rootfs stays until the root is packed: a script that is cut off begins again on it.
        unpack(overlay.rootfs, here / "root")
        say("the image root is the rootfs, unpacked")
    with image_root(here) as root:
        refuse_without_folders(root)
    note_prepared(here, **rootfs.made_of)


def may_mount() -> bool:
    """Tell whether the rootfs may be mounted, where the pod can."""
    return os.environ.get("IMS_OVERLAY") != "no"


def download(rootfs: Rootfs, target: Path) -> None:
    """Download a rootfs and check it, unless it is there.

    Raises:
        TryAgain: It cannot be had at the moment, or is another one.
        StepFailed: There is no space for it, or the server refuses.
    """
    if target.is_file() and not target.is_symlink() and target.stat().st_size == rootfs.source.size:
        return
    refuse_without_space(rootfs, target.parent)
    partial = target.with_name(f"{target.name}.part")
    try:
        complete(rootfs, LazyFile(rootfs.source, partial), partial, target)
    finally:
        partial.unlink(missing_ok=True)


def complete(rootfs: Rootfs, file: LazyFile, partial: Path, target: Path) -> None:
    """Fetch what is missing of a rootfs, check the whole, and only then give it its name.

    Args:
        rootfs: The rootfs.
        file: What is here of it.
        partial: Where that is.
        target: The name.

    Raises:
        OtherContent: It has another checksum.
        TryAgain: Some of it cannot be had at the moment.
        StepFailed: There is no space for it, or the server refuses.
    """
    algorithm, _, digest = rootfs.checksum.partition(":")
    # What has come is hashed while the rest is on its way.
    received = hashlib.new(algorithm or "sha256", usedforsecurity=False)
    for piece in file.read_all():
        received.update(piece)
    if digest and received.hexdigest() != digest:
        raise OtherContent(f"what came as {target.name} has another {algorithm} than it should")
    partial.rename(target)


def refuse_without_space(rootfs: Rootfs, folder: Path) -> None:
    """Refuse a rootfs that is larger than the space in a folder.

    Raises:
        StepFailed: It is.
    """
    if shutil.disk_usage(folder).free < rootfs.source.size:
        raise StepFailed(f"the rootfs has {rootfs.source.size} bytes; {space_of(folder)}", advice=MORE_SPACE)


def refuse_without_folders(root: Path) -> None:
    """Refuse a squashfs that is no image root: it has none of the folders that every root has.

    Raises:
        StepFailed: It is none.
    """
    if missing := [name for name in ("etc", "usr") if not (root / name).exists()]:
        raise StepFailed(f"the rootfs is no image root: it has no /{' and no /'.join(missing)}")
