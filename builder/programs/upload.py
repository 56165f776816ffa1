"""The pod that uploads artifacts, by a plan of presigned addresses: one for each part that S3 does not have yet.

Environment: IMS_PLAN_URL (presigned); IMS_CONNECTIONS, 4 by default. The flow that made the plan completes the uploads.
"""

import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event, Lock

from builder.pod.lease import run_in_workspace
from builder.pod.step import StepFailed, end_with, required, say, workspace
from builder.pod.transfer import PATIENCE, Patience, Slice, read, write_slice

CONNECTIONS = 4
_REPORT_SECONDS = 5.0


@dataclass(frozen=True)
class PlannedPart:
    """A part to upload, and the address that takes it."""

    slice: Slice
    url: str


def upload() -> None:
    """Upload the parts that the plan lists."""
    plan = list(read_plan(read(required("IMS_PLAN_URL")), workspace() / "artifacts"))
    connections = os.environ.get("IMS_CONNECTIONS", str(CONNECTIONS))
    if not connections.isdigit() or not int(connections):
        raise StepFailed(f"IMS_CONNECTIONS is {connections}, not a number of connections")
    upload_parts(plan, connections=int(connections))
    say(f"uploaded: {len(plan)} parts, all that were missing")


def read_plan(document: bytes, artifacts: Path) -> Iterator[PlannedPart]:
    """Read the plan.

    Raises:
        StepFailed: It is no plan, or names an artifact that was not packaged.
    """
    try:
        for artifact in json.loads(document)["artifacts"]:
            file = artifacts / Path(artifact["name"]).name
            if not file.is_file():
                raise StepFailed(f"the plan names {artifact['name']}, which was not packaged")
            for part in artifact["parts"]:
                offset = (part["number"] - 1) * artifact["part_size"]
                yield PlannedPart(Slice(file, offset, part["size"], part["md5"]), part["url"])
    except (ValueError, KeyError, TypeError) as error:
        raise StepFailed(f"the upload plan cannot be read: {type(error).__name__}: {error}") from error


def upload_parts(plan: list[PlannedPart], *, connections: int = CONNECTIONS, patience: Patience = PATIENCE) -> None:
    """Upload parts side by side; the first that fails for good ends the others.

    Raises:
        TryAgain: S3 did not take a part within its tries, or an address has expired.
        StepFailed: S3 refuses a part, or an artifact has changed.
    """
    progress = Progress(sum(part.slice.size for part in plan))
    pool = ThreadPoolExecutor(connections)
    try:
        send = partial(write_slice, on_bytes=progress.add, patience=patience)
        uploads = [pool.submit(send, part.url, part.slice) for part in plan]
        done, _ = wait(uploads, return_when=FIRST_EXCEPTION)
        for finished in done:
            finished.result()
    finally:
        progress.stop()
        pool.shutdown(wait=False, cancel_futures=True)


class Progress:
    """How much of an upload is done, said every few seconds; also what ends the connections when one has failed."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._sent = 0
        self._said = time.monotonic()
        self._lock = Lock()
        self._stopped = Event()

    def add(self, size: int) -> None:
        """Count bytes that went out; a negative number takes back those of a failed try.

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
