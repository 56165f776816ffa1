"""Runs a command of tests so that nothing of it is left on this host: `python -m tests.supervised COMMAND …`.

However the command ends (by itself, by Ctrl-C once or twice, by SIGTERM), every process that it has started ends, also
one in a session of its own, and what tests/leftovers.py finds of pods, mounts, loop devices and network namespaces is
removed. The first signal interrupts the command, so that fixtures can clean up after themselves; the second kills it.
"""

import ctypes
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.leftovers import Leftovers, descendants, processes_outside_containers

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# pytest-xdist gives its workers ten seconds to clean up after an interrupt; then it kills them.
INTERRUPT_GRACE_SECONDS = 40.0
# What was interrupted together with the tests may be about to end.
SERVER_GRACE_SECONDS = 3.0
KILL_LIMIT_SECONDS = 30.0
POLL_SECONDS = 0.1

_PR_SET_CHILD_SUBREAPER = 36


def main() -> int:
    """Run the command, clean up after it, and return its exit code; 128 and the signal when it was killed."""
    _adopt_orphans()
    # From here on signals wait until `_follow` reads them: none of them ends this process.
    signal.pthread_sigmask(signal.SIG_BLOCK, {*STOPPING, signal.SIGCHLD})
    with tempfile.TemporaryDirectory(prefix="ims-tests-") as folder:
        leftovers = Leftovers(Path(folder))
        code, interrupted = _follow(_start(sys.argv[1:], leftovers))
        if not interrupted:
            _report(processes_outside_containers())
        _end(processes_outside_containers, SERVER_GRACE_SECONDS if interrupted else 0.0)
        leftovers.remove()
        _end(descendants, 0.0)
    # Of all that was started: each process is collected here, if not by its own parent.
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"Processor seconds of all processes, those in pods too: {used.ru_utime + used.ru_stime:.0f}")
    return code if code >= 0 else 128 - code


def _adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent has ended: no double fork gets away."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER) failed")


def _start(command: Sequence[str], leftovers: Leftovers) -> int:
    """Start the command in a process group of its own: a terminal's Ctrl-C reaches this process alone."""
    return subprocess.Popen(
        command,
        env={**os.environ, **leftovers.environment},
        stdin=subprocess.DEVNULL,
        process_group=0,
        preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, ()),
    ).pid


def _follow(command: int) -> tuple[int, bool]:
    """Wait for the end of the command; return its exit code, and whether a signal asked for its end."""
    kills_at: float | None = None
    while True:
        received = signal.sigtimedwait({*STOPPING, signal.SIGCHLD}, POLL_SECONDS)
        if (code := _reap().get(command)) is not None:
            return code, kills_at is not None
        if received and received.si_signo in STOPPING:
            if kills_at is None:
                print("\nInterrupted: tests clean up after themselves. Once more kills them.", file=sys.stderr)
                _signal_group(command, signal.SIGINT)
                kills_at = time.monotonic() + INTERRUPT_GRACE_SECONDS
            else:
                kills_at = time.monotonic()
        if kills_at is not None and time.monotonic() >= kills_at:
            _signal_group(command, signal.SIGKILL)


def _signal_group(command: int, number: signal.Signals) -> None:
    try:
        os.killpg(command, number)
    except ProcessLookupError:
        return


def _reap() -> dict[int, int]:
    """Collect the exit codes of all children that have ended, adopted ones too."""
    codes: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return codes
        if not pid:
            return codes
        codes[pid] = os.waitstatus_to_exitcode(status)


def _report(left: dict[int, str]) -> None:
    for pid, command in left.items():
        print(f"A test has left process {pid}, which is ended now: {command}", file=sys.stderr)


def _end(find: Callable[[], dict[int, str]], grace_seconds: float) -> None:
    """End the processes that `find` returns: after a time in which they may end by themselves, by SIGKILL."""
    begins = time.monotonic() + grace_seconds
    gives_up = begins + KILL_LIMIT_SECONDS
    while left := find():
        _reap()
        if time.monotonic() >= begins:
            for pid in left:
                _kill(pid)
        if time.monotonic() >= gives_up:
            print(f"These processes do not end: {left}", file=sys.stderr)
            return
        time.sleep(POLL_SECONDS)
    _reap()


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


if __name__ == "__main__":
    sys.exit(main())
