"""The rootfs of an image, downloaded from S3: it gets its name once it is whole and has the right checksum."""

import hashlib
import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from builder.contract.inputs import RootfsInput
from builder.pod.rootfs.lazy_file import LazyFile
from builder.pod.step import StepFailed, TryAgain
from builder.pod.transfer import Source


class OtherContent(TryAgain):
    """What has come is whole, and not what it should be."""


@dataclass(frozen=True)
class Rootfs:
    """A rootfs in S3, and its checksum: `sha256:…` or `md5:…`; empty when none is known."""

    source: Source
    checksum: str = ""

    @classmethod
    def of(cls, asked: RootfsInput) -> Self:
        """Return the rootfs that a pod was asked for."""
        return cls(Source(asked.url, asked.size, asked.etag), asked.checksum)

    @property
    def made_of(self) -> dict[str, str]:
        """What a root that is made of it is noted with (root.note_prepared)."""
        return {"rootfs_size": str(self.source.size), "rootfs_checksum": self.checksum}


def new_partial(target: Path) -> Path:
    """Return where a file is kept until it is whole: like none before, and those are removed.

    So a pod that is believed dead and is not does no harm by what it still writes.
    """
    remove_partials(target)
    return target.with_name(f"{target.name}.part-{uuid.uuid4().hex[:8]}")


def remove_partials(target: Path) -> None:
    """Remove what killed pods have left of a file that was not whole."""
    for left in target.parent.glob(f"{target.name}.part-*"):
        left.unlink(missing_ok=True)


def download(rootfs: Rootfs, target: Path) -> None:
    """Download a rootfs and check it, unless it is there.

    Raises:
        TryAgain: It cannot be had at the moment, or is another one.
        StepFailed: There is no space for it, or the server refuses.
    """
    if target.is_file() and not target.is_symlink() and target.stat().st_size == rootfs.source.size:
        return
    partial = new_partial(target)
    try:
        with closing(LazyFile(rootfs.source, partial)) as file:
            complete(rootfs, file, partial, target)
    finally:
        partial.unlink(missing_ok=True)


def complete(
    rootfs: Rootfs,
    file: LazyFile,
    partial: Path,
    target: Path,
    bear: Callable[[TryAgain | StepFailed], None] | None = None,
) -> None:
    """Fetch what is missing of a rootfs, check the whole, and only then give it its name.

    Args:
        rootfs: The rootfs.
        file: What is here of it.
        partial: Where that is.
        target: The name.
        bear: Waits after a failure, and raises what it is not willing to go on after; by default, every one.

    Raises:
        OtherContent: It has another checksum.
        TryAgain: Some of it cannot be had at the moment.
        StepFailed: There is no space for it, or the server refuses.
    """
    algorithm, _, digest = rootfs.checksum.partition(":")
    # What has come is hashed while the rest is on its way.
    received, here = hashlib.new(algorithm or "sha256", usedforsecurity=False), 0
    while here < rootfs.source.size:
        try:
            for piece in file.read_from(here):
                received.update(piece)
                here += len(piece)
        except (TryAgain, StepFailed) as failure:
            if bear is None:
                raise
            bear(failure)
    if digest and received.hexdigest() != digest.lower():
        raise OtherContent(f"what came as {target.name} has another {algorithm} than it should")
    # Its size will have to do as a witness, also after the host has lost power.
    file.sync()
    partial.rename(target)
