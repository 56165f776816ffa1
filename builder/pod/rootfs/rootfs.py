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
from builder.pod.transfer.ranges import Source
from builder.pod.whole_file import whole_file


class OtherContent(TryAgain):
    """What was downloaded is whole, and has another checksum."""


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
    """Return a new path to keep a file at until it is whole; the paths of earlier pods are removed.

    So a pod that was taken for dead and is not does no harm by what it still writes.
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
        TryAgain: It cannot be downloaded at the moment, or is another one.
        StepFailed: There is no space for it, or the server refuses.
    """
    if target.is_file() and not target.is_symlink() and target.stat().st_size == rootfs.source.size:
        return
    partial = new_partial(target)
    with whole_file(target, beside=partial), closing(LazyFile(rootfs.source, partial)) as file:
        complete(rootfs, file)


def complete(rootfs: Rootfs, file: LazyFile, on_failure: Callable[[TryAgain | StepFailed], None] | None = None) -> None:
    """Fetch what is missing of a rootfs, and check the whole.

    Args:
        rootfs: The rootfs.
        file: What is here of it.
        on_failure: Waits before the next attempt, or raises the failure; left out: every failure is raised.

    Raises:
        OtherContent: It has another checksum.
        TryAgain: Some of it cannot be downloaded at the moment.
        StepFailed: There is no space for it, or the server refuses.
    """
    algorithm, _, digest = rootfs.checksum.partition(":")
    # A piece is hashed while the next ones are fetched.
    received, here = hashlib.new(algorithm or "sha256", usedforsecurity=False), 0
    while here < rootfs.source.size:
        try:
            for piece in file.read_from(here):
                received.update(piece)
                here += len(piece)
        except (TryAgain, StepFailed) as failure:
            if on_failure is None:
                raise
            on_failure(failure)
    if digest and received.hexdigest() != digest.lower():
        raise OtherContent(f"the downloaded rootfs has another {algorithm} than it should")
    # Later only its size is checked, also after the host has lost power.
    file.sync()
