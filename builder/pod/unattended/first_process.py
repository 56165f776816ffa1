"""The first process of an enclosure (enclosure.py): starts a command, ends it at its limit, reports what it left.

`python3 -m builder.pod.unattended.first_process REQUEST ENDING`: two files (builder/contract/enclosed.py).
It is process 1 of a namespace of its own: when it ends, the kernel ends every other process there.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from builder.contract.enclosed import EnclosedCommand, Ending

# How long the command may take to end after SIGTERM, and its children after it has succeeded.
GRACE_SECONDS = 3.0
SETTLE_SECONDS = 5.0
_SIGNALS = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT}
_PR_CAPBSET_DROP = 24
# capability.h. Capabilities that a script in an image does not need and that reach the host: kernel modules, the
# clock, raw access to hardware, reboot.
_DROPPED = {"CAP_SYS_MODULE": 16, "CAP_SYS_RAWIO": 17, "CAP_SYS_BOOT": 22, "CAP_SYS_TIME": 25}


class Cut(NamedTuple):
    """Why the command was ended: `limit`, or `outside`."""

    why: str
    running: list[str]


def main() -> None:
    """Run the request's command to its end and write how it ended."""
    request_file, ending = Path(sys.argv[1]), Path(sys.argv[2])
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    ending.write_bytes(_run(EnclosedCommand.from_json(request_file.read_bytes())).to_json())


def _run(request: EnclosedCommand) -> Ending:
    _mount(request)
    try:
        process = subprocess.Popen(
            request.command,
            env=request.environment,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_enter(request),
        )
    except OSError as error:
        return Ending(not_started=error.errno or 0)
    end = time.monotonic() + request.seconds
    status = _wait(lambda: None, process.pid, end)
    if isinstance(status, Cut):
        os.kill(-1, signal.SIGTERM)
        _wait(_none_left, 0, time.monotonic() + GRACE_SECONDS)
        return Ending(cut=status.why, left=tuple(status.running))
    if status == 0:
        _wait(_none_left, 0, min(end, time.monotonic() + SETTLE_SECONDS))
    return Ending(exit_code=status, left=tuple(_others()))


def _mount(request: EnclosedCommand) -> None:
    if request.root:
        _call(["mount", "-t", "proc", "proc", f"{request.root}/proc"])
    for source, target in request.binds:
        _call(["mount", "--bind", source, target])


def _call(command: list[str]) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def _enter(request: EnclosedCommand) -> Callable[[], None]:
    """Return what the command's process does before it becomes the command."""
    libc = ctypes.CDLL(None, use_errno=True)

    def enter() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        if request.root:
            os.chroot(request.root)
        for capability in _DROPPED.values():
            libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
        os.chdir(request.directory)

    return enter


def _none_left() -> bool | None:
    return None if _others() else True


def _wait(done: Callable[[], Any], pid: int, end: float) -> Any:
    """Reap processes until the one of an id has ended, or `done` returns something.

    Returns:
        The exit code of that process (negative: the signal that ended it), what `done` has returned, or Cut.
    """
    while True:
        while (reaped := _reap()) is not None:
            if reaped[0] == pid:
                return reaped[1]
        if (answer := done()) is not None:
            return answer
        left = end - time.monotonic()
        if left <= 0:
            return Cut("limit", _others())
        # The list of processes is read often; the end of a child is signalled.
        came = signal.sigtimedwait(_SIGNALS, left if pid else min(left, 0.1))
        # A sender outside of the namespace has no id here. A signal of the command itself does not end it.
        if came is not None and came.si_signo != signal.SIGCHLD and not came.si_pid:
            return Cut("outside", _others())


def _reap() -> tuple[int, int] | None:
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    return (pid, os.waitstatus_to_exitcode(status)) if pid else None


def _others() -> list[str]:
    """Return the command lines of the other processes of the namespace, the oldest first."""
    numbers = sorted(int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [line for number in numbers if number != 1 and (line := _command_line(number))]


def _command_line(number: int) -> str:
    try:
        process = Path("/proc") / str(number)
        # A zombie has no command line.
        return (process / "cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


if __name__ == "__main__":
    main()
