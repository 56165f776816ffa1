"""The lease of a workspace: at most one pod of a job works in it at any time, and the workspace itself says which.

Every program takes it before it touches anything in the workspace, fails when another pod holds it, and ends at once
when it finds that it has lost it. The lease is one file of a fixed size, so that a full disk does not end its holder:
a line of JSON that names the holder, then a counter for each term, which the holder of that term advances. A holder
that wakes up late therefore writes beside the next one's words, never over them.

A pod is proved gone in one of two ways. On the same kernel it is gone when no process holds the file's lock (flock),
which the kernel drops with the last process. On another node, where locks do not reach, it is gone when its counter has
not changed for STALE_SECONDS.
"""

import fcntl
import json
import os
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event, Thread
from typing import NoReturn

from builder.contract.exit_codes import TRY_AGAIN
from builder.contract.inputs import PodInput
from builder.contract.lines import ERROR
from builder.pod.polling import poll
from builder.pod.step import TryAgain, run_step, say, workspace

FILE = "lease"
# Names the pod that was lost with its node, until the next shell has reported it (kept.py).
LOSS = "lost-with-its-node"
BEAT_SECONDS = 2.0
# Ten beats: a host on which a program does not run for so long counts as lost.
STALE_SECONDS = 20.0
# The pod before this one may be ending: Kubernetes and Podman report its end a moment before its last process ends.
PATIENCE_SECONDS = 10.0
_POLL_SECONDS = 0.2
_HOLDER_BYTES = 1024
_TERMS = 256
_COUNTER_BYTES = 12
_KERNEL = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Holder:
    """The pod that holds a workspace.

    Args:
        uid: The pod's uid; empty when no pod holds it.
        pod: The pod's name, with the step and the attempt.
        kernel: The boot id of the kernel that it runs on.
        term: Counts the holders of this workspace, from 1.
    """

    uid: str = ""
    pod: str = ""
    kernel: str = ""
    term: int = 0


class Lease:
    """The lease's file.

    Args:
        descriptor: The file, open for reading and writing.
    """

    def __init__(self, descriptor: int) -> None:
        """Take the open file."""
        self._descriptor = descriptor

    def holder(self) -> Holder:
        """Return the holder; without a uid when the file is empty or torn."""
        try:
            return Holder(**json.loads(os.pread(self._descriptor, _HOLDER_BYTES, 0)))
        except (ValueError, TypeError):
            return Holder()

    def name(self, holder: Holder) -> None:
        """Write the holder."""
        os.pwrite(self._descriptor, json.dumps(asdict(holder)).encode().ljust(_HOLDER_BYTES - 1) + b"\n", 0)

    def counter(self, term: int) -> bytes:
        """Return the counter of the holder of a term, as it stands in the file."""
        return os.pread(self._descriptor, _COUNTER_BYTES, _counter_at(term))

    def count(self, term: int, beats: int) -> None:
        """Advance the counter of the holder of a term: it is alive."""
        os.pwrite(self._descriptor, str(beats).encode().ljust(_COUNTER_BYTES), _counter_at(term))

    def lock(self, patience_seconds: float) -> bool:
        """Lock the file against every process of this kernel; return False where there are no locks.

        Raises:
            TryAgain: Another process holds the lock, and does not let it go in time.
        """
        locked = poll(self._try_lock, patience_seconds, _POLL_SECONDS)
        if locked is None:
            raise _taken(self.holder())
        return locked

    def _try_lock(self) -> bool | None:
        """Lock the file; None when another process holds the lock, False where there are no locks."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        except OSError:
            # This storage has no locks: the counter decides.
            return False
        return True


def run_in_workspace(step: Callable[[], None]) -> int:
    """Run a step as `run_step` does, while this pod holds the workspace."""

    def hold_and_run() -> None:
        pod = PodInput.from_environment(os.environ)
        with held(workspace(), pod.uid, pod.name):
            step()

    return run_step(hold_and_run)


@contextmanager
def held(folder: Path, uid: str = "", pod: str = "") -> Iterator[Holder]:
    """Hold a workspace while the block runs. When it is lost to another pod, this process ends at once.

    Args:
        folder: The workspace.
        uid: The pod's uid; a new one when it is left out.
        pod: The pod's name.

    Raises:
        TryAgain: Another pod holds the workspace.
    """
    descriptor = _open(folder / FILE)
    try:
        lease = Lease(descriptor)
        mine = _take(folder, lease, uid or uuid.uuid4().hex, pod or f"process {os.getpid()}")
        done = Event()
        beating = Thread(target=_beat, args=(lease, mine, done), daemon=True)
        beating.start()
        try:
            yield mine
        finally:
            done.set()
            beating.join()
            if lease.holder() == mine:
                lease.name(Holder(term=mine.term))
    finally:
        os.close(descriptor)


def _open(file: Path) -> int:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
    # One step runs as another user. A file of the whole size needs no further space later.
    with suppress(PermissionError):
        os.fchmod(descriptor, 0o666)
    size = _counter_at(_TERMS - 1) + _COUNTER_BYTES
    if os.fstat(descriptor).st_size < size:
        os.pwrite(descriptor, b" " * size, 0)
    return descriptor


def _take(folder: Path, lease: Lease, uid: str, pod: str) -> Holder:
    locked = lease.lock(PATIENCE_SECONDS)
    kernel = _KERNEL.read_text().strip()
    before = lease.holder()
    proved = not before.uid or before.uid == uid or (locked and before.kernel == kernel)
    if not proved:
        _fail_if_alive(lease, before)
    if before.uid not in {"", uid}:
        say(f"the workspace was held by {before.pod}, which is gone")
    if not proved:
        _note_loss(folder, before)
    mine = Holder(uid, pod, kernel, before.term + 1)
    lease.name(mine)
    lease.count(mine.term, 0)
    if not proved or not locked:
        # Two pods may have taken over from the same one: the one that wrote last has it.
        time.sleep(BEAT_SECONDS)
        if (now := lease.holder()) != mine:
            raise _taken(now)
    say(f"the workspace is held by {pod}")
    return mine


def _note_loss(folder: Path, holder: Holder) -> None:
    """Note that a pod was lost with its node: what it had not synced is missing."""
    (folder / LOSS).write_text(holder.pod)


def _fail_if_alive(lease: Lease, holder: Holder) -> None:
    say(f"the workspace is held by {holder.pod}: looking for {STALE_SECONDS:.0f} s whether it is at work")
    counter = lease.counter(holder.term)

    def look() -> bool | None:
        return True if lease.holder() != holder or lease.counter(holder.term) != counter else None

    if poll(look, STALE_SECONDS, _POLL_SECONDS):
        raise _taken(lease.holder())


def _beat(lease: Lease, mine: Holder, done: Event) -> None:
    beats = 0
    while not done.wait(BEAT_SECONDS):
        # A storage that fails for a moment is no reason to end: another holder is seen at the next beat.
        with suppress(OSError):
            if lease.holder() != mine:
                # Read it again: a line that is being written may be read in part.
                time.sleep(_POLL_SECONDS)
                if (now := lease.holder()) != mine:
                    _end_at_once(now)
            beats += 1
            lease.count(mine.term, beats)


def _end_at_once(other: Holder) -> NoReturn:
    """End this process and those it has started, without any clean-up: the workspace is another pod's now."""
    sys.stderr.write(f"{ERROR}the workspace is held by {other.pod or 'no pod'} now: this pod was taken for lost\n")
    sys.stderr.flush()
    # In a container all other processes end with the first one.
    for process in _descendants(os.getpid()):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process, signal.SIGKILL)
    os._exit(TRY_AGAIN)


def _descendants(parent: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                # proc(5): the name in brackets, then the state and the parent's id.
                after_name = (entry / "stat").read_text().rpartition(") ")[2].split()
                children.setdefault(int(after_name[1]), []).append(int(entry.name))
    found, look_at = [], [parent]
    while look_at:
        below = children.get(look_at.pop(), [])
        found += below
        look_at += below
    return found


def _counter_at(term: int) -> int:
    return _HOLDER_BYTES + term % _TERMS * _COUNTER_BYTES


def _taken(holder: Holder) -> TryAgain:
    return TryAgain(f"the workspace is held by {holder.pod or 'another pod'}, which is at work: nothing was touched")
