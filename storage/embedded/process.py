"""The process of the embedded S3 server: bound to the life of the one that started it, and to a lock on its folder."""

import fcntl
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import BinaryIO

from errors import Broken, Conflict

# A server that is just being killed holds its folder for a moment more.
LOCK_LIMIT_SECONDS = 3.0
POLL_SECONDS = 0.05
# Lines of ours in the server's log. SeaweedFS logs errors while its parts find one another, and again while they part:
# what it logs before the first line or after the second is none.
SERVES = "ims: the server serves"
STOPS = "ims: the server is asked to stop"


def dies_with_parent() -> list[str]:
    """Return what to put before a command so that it is killed when the thread that started it ends."""
    setpriv = which("setpriv")
    # Killed, not asked: nothing acknowledged is lost by it, and the folder is free at once for the next start.
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []


def spawn_from_lasting_thread(command: list[str], *, log: BinaryIO, cwd: Path, keep: int) -> subprocess.Popen[bytes]:
    """Start a process from a thread that waits for its end: the death signal comes when the starting *thread* ends."""
    started: Future[subprocess.Popen[bytes]] = Future()

    def run() -> None:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                # Nothing of ours: SeaweedFS takes users and buckets from AWS_… and S3_… variables.
                env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(cwd)},
                pass_fds=[keep],
                # A terminal's Ctrl-C must reach us first.
                start_new_session=True,
            )
        except OSError as error:
            started.set_exception(Broken(f"cannot start {command[0]}: {error.strerror}"))
            return
        started.set_result(process)
        process.wait()

    threading.Thread(target=run, name="embedded-s3", daemon=True).start()
    return started.result()


@contextmanager
def locked(lock_file: Path) -> Iterator[int]:
    """Hold the folder's lock; a process that inherits the descriptor keeps the lock after the block."""
    lock = os.open(lock_file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        ends = time.monotonic() + LOCK_LIMIT_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() >= ends:
                    holder = os.pread(lock, 20, 0).decode(errors="replace").strip() or "another one"
                    raise Conflict(
                        f"an embedded S3 server runs in {lock_file.parent} already: process {holder}",
                        resolution="use that one, or stop the `ims up` it belongs to",
                    ) from error
                time.sleep(POLL_SECONDS)
        yield lock
    finally:
        os.close(lock)
