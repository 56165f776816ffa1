"""The root of an image that is customized, made of its rootfs: mounted where the pod may mount, unpacked elsewhere."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from builder.pod.image_root.root import Overlay, image_root, is_prepared, make_overlay, note_prepared, remove_root
from builder.pod.image_root.squashfs import unpack
from builder.pod.rootfs.lazy_rootfs import RootfsDownload, lazy_root
from builder.pod.rootfs.rootfs import Rootfs, download
from builder.pod.step import StepFailed, say


def make_root(here: Path, rootfs: Rootfs, *, overlay: bool) -> None:
    """Make the workspace's root of a rootfs.

    Safe to repeat: a root that is ready is kept, with what was changed in it.

    Args:
        here: The workspace.
        rootfs: The rootfs.
        overlay: Whether the rootfs may be mounted.

    Raises:
        TryAgain: The rootfs cannot be downloaded at the moment.
        StepFailed: There is no space, the server refuses, or it is not an image root.
    """
    if is_prepared(here, **rootfs.made_of):
        say("the image root is ready: nothing to do")
        return
    _refuse_another(here, rootfs)
    file = Overlay(here).rootfs
    download(rootfs, file)
    say(f"downloaded the rootfs: {rootfs.source.size} bytes, {rootfs.checksum or 'its checksum is not known'}")
    if overlay and make_overlay(here):
        say("the image root is the rootfs, with an overlay on the workspace")
    else:
        remove_root(here / "root")
        # The rootfs stays until the root is packed: a script that is cut off begins again on it.
        unpack(file, here / "root")
        say("the image root is the rootfs, unpacked")
    with image_root(here) as root:
        refuse_without_folders(root)
    note_prepared(here, **rootfs.made_of)


@contextmanager
def downloading_root(here: Path, rootfs: Rootfs, *, overlay: bool) -> Iterator[RootfsDownload]:
    """Make the workspace's root, of a rootfs that is downloaded while it is used, or was downloaded before.

    Safe to repeat: what was changed in the root stays.

    Args:
        here: The workspace.
        rootfs: The rootfs.
        overlay: Whether the rootfs may be mounted.

    Yields:
        The download.

    Raises:
        TryAgain, StepFailed: As `make_root`.
    """
    is_whole = Overlay(here).rootfs.is_file() or is_prepared(here, **rootfs.made_of)
    if overlay and not is_whole:
        _refuse_another(here, rootfs)
        with lazy_root(here) as download_meanwhile:
            if download_meanwhile:
                yield download_meanwhile
                return
    make_root(here, rootfs, overlay=overlay)
    yield RootfsDownload()


def refuse_without_folders(root: Path) -> None:
    """Refuse a squashfs that is not an image root: it has none of the folders that every root has.

    Raises:
        StepFailed: It is none.
    """
    if missing := [name for name in ("etc", "usr") if not (root / name).exists()]:
        raise StepFailed(f"the rootfs is not an image root: it has no /{' and no /'.join(missing)}")


def _refuse_another(here: Path, rootfs: Rootfs) -> None:
    """Refuse a rootfs that is not the one that the workspace's root was begun on: changes of one do not fit another."""
    note, made_of = here / "rootfs.json", json.dumps(rootfs.made_of)
    if not note.exists():
        note.write_text(made_of)
    if note.read_text() != made_of:
        raise StepFailed("the image's rootfs is not the one that this job began to change", advice="start a new job")
