"""The pod that uploads artifacts, by a plan (builder/contract/upload_plan.py) of the parts that are missing in S3.

The flow that made the plan completes the uploads.
"""

import os
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event, Lock

from builder.contract.inputs import UploadInput
from builder.contract.upload_plan import UploadPlan
from builder.pod.lease import run_in_workspace
from builder.pod.step import StepFailed, end_with, say, workspace
from builder.pod.transfer.attempts import PATIENCE, Patience
from builder.pod.transfer.objects import read
from builder.pod.transfer.slices import Slice, write_slice

_REPORT_SECONDS = 5.0


@dataclass(frozen=True)
class PartToSend:
    """A part to upload, and the URL that takes it."""

    slice: Slice
    url: str


def upload() -> None:
    """Upload the parts that the plan lists."""
    asked = UploadInput.from_environment(os.environ)
    parts = list(parts_of(UploadPlan.from_json(read(asked.plan_url)), workspace() / "artifacts"))
    upload_parts(parts, connections=max(1, asked.connections))
    say(f"uploaded: {len(parts)} parts, all that were missing")


def parts_of(plan: UploadPlan, artifacts: Path) -> Iterator[PartToSend]:
    """Return the parts of a plan, in the files of a folder.

    Raises:
        StepFailed: The plan names an artifact that was not packaged.
    """
    for artifact in plan.artifacts:
        file = artifacts / Path(artifact.name).name
        if not file.is_file():
            raise StepFailed(f"the plan names {artifact.name}, which was not packaged")
        for part in artifact.parts:
            offset = (part.number - 1) * artifact.part_size
            yield PartToSend(Slice(file, offset, part.size, part.md5), part.url)


def upload_parts(parts: list[PartToSend], *, connections: int, patience: Patience = PATIENCE) -> None:
    """Upload parts side by side; the first that fails for good ends the others.

    Raises:
        TryAgain: S3 did not take a part within its tries, or an address has expired.
        StepFailed: S3 refuses a part, or an artifact has changed.
    """
    progress = Progress(sum(part.slice.size for part in parts))
    pool = ThreadPoolExecutor(connections)
    try:
        send = partial(write_slice, on_bytes=progress.add, patience=patience)
        uploads = [pool.submit(send, part.url, part.slice) for part in parts]
        done, _ = wait(uploads, return_when=FIRST_EXCEPTION)
        for finished in done:
            finished.result()
    finally:
        progress.stop()
        pool.shutdown(wait=False, cancel_futures=True)


class Progress:
    """Reports every few seconds how much is uploaded, and ends all connections when one has failed."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._sent = 0
        self._said = time.monotonic()
        self._lock = Lock()
        self._stopped = Event()

    def add(self, size: int) -> None:
        """Count bytes that went out; a negative number subtracts those of a failed attempt.

        Raises:
            StepFailed: The upload has been given up.
        """
        with self._lock:
            self._sent += size
            if time.monotonic() - self._said >= _REPORT_SECONDS:
                self._said = time.monotonic()
                say(f"uploaded {100 * self._sent // max(self._total, 1)} % of {self._total >> 20} MiB")
        if size > 0 and self._stopped.is_set():
            raise StepFailed("the upload was given up")

    def stop(self) -> None:
        """Give up the upload: connections end at their next chunk."""
        self._stopped.set()


if __name__ == "__main__":
    end_with(run_in_workspace(upload))
