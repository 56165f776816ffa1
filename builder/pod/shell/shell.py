"""A shell into an image root: root by SSH, until its user or somebody outside ends it, or its time is up.

Environment: IMS_PUBLIC_KEY, IMS_SSH_ADDRESS; IMS_SHELL_SECONDS and IMS_SHELL_IDLE_SECONDS, its limits;
IMS_SHELL_ORDERS_URL (presigned, shell_orders.py); IMS_SHELL_FORWARDING (`yes`: connections may be forwarded);
IMS_JOB_ID and IMS_ARCH, which sessions get as well. When it is ready it says `shell ready: PORT FINGERPRINT`, and when
it cannot be completed `shell goes on: REASON`, which the flow waits for (tasks/shells.py); `shell lost: WHAT` says what
may be missing since a pod before it was lost with its node.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from builder.pod.shell.kept import Keeper, take_loss
from builder.pod.shell.orders import Desk
from builder.pod.shell.sshd import Access, serve
from builder.pod.step import StepFailed, TryAgain, required, say, workspace

READY = "shell ready: "
GOES_ON = "shell goes on: "
LOST = "shell lost: "
# Where IMS's users find the image's root and say that they are ready.
IMAGE = Path("/mnt/image")
_LOOK_SECONDS = 0.5


class Ending(StrEnum):
    """How a shell ended."""

    COMPLETE = "complete"
    FAILED = "failed"
    LIMIT = "limit"
    IDLE = "idle"


@dataclass(frozen=True)
class Shell:
    """What a shell is like.

    Args:
        welcome: What each session is shown first; `{limit}` in it is the limit in words.
        signals: The folder in which the user makes a file `complete` or `failed` to end it.
        jail: The folder that sessions see as `/`; without one they see the pod.
        refusal: Tells why the shell cannot be completed as things are; empty when it can.
        on_ready: Called once users can come in.
        check: Called again and again; raises what the shell has to end with.
    """

    welcome: str
    signals: Path
    jail: Path | None = None
    refusal: Callable[[], str] = str
    on_ready: Callable[[], None] = lambda: None
    check: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Ended:
    """How a shell ended: the reason in words, and why it could not be completed when somebody last tried."""

    how: Ending
    words: str
    refused: str = ""


def open_shell(shell: Shell) -> Ended:
    """Serve a shell until it ends.

    Raises:
        StepFailed: It does not open, or what its check raises.
    """
    limit, idle = _seconds("IMS_SHELL_SECONDS"), _seconds("IMS_SHELL_IDLE_SECONDS")
    kept = workspace() / "shell"
    kept.mkdir(mode=0o700, exist_ok=True)
    loss, keeper = take_loss(workspace()), Keeper(workspace())
    access = Access(
        address=required("IMS_SSH_ADDRESS"),
        public_key=required("IMS_PUBLIC_KEY"),
        keys=kept,
        environment={name: os.environ.get(name, "") for name in ("IMS_JOB_ID", "IMS_ARCH")},
        welcome=shell.welcome.format(limit=in_words(limit)) + (f"Careful: {loss}.\n" if loss else ""),
        jail=shell.jail,
        forwarding=os.environ.get("IMS_SHELL_FORWARDING") == "yes",
    )
    desk = Desk(required("IMS_SHELL_ORDERS_URL"), time.time() + limit, kept / "last-order")
    _signal(shell)  # one of an earlier pod was for that
    with serve(access) as server:
        say(f"{READY}{server.port} {server.fingerprint}")
        if loss:
            say(f"{LOST}{loss}")
        shell.on_ready()
        ended = wait(shell, desk, server.sessions, idle, keeper.look)
    say(ended.words)
    return ended


def wait(
    shell: Shell,
    desk: Desk,
    sessions: Callable[[], int],
    idle_seconds: int,
    keep: Callable[[], None] = lambda: None,
) -> Ended:
    """Wait until the shell ends.

    Args:
        shell: The shell.
        desk: Where orders come in.
        sessions: Counts the sessions that are open.
        idle_seconds: For how long there may be none.
        keep: Called again and again: keeps what its user makes.
    """
    last_used, refused = time.time(), ""
    while True:
        _check(shell)
        keep()
        signal, order = _signal(shell), desk.look()
        if "failed" in signal or order == "abort":
            return Ended(Ending.FAILED, f"the user aborted it, by {signal or 'an order'}", refused)
        if signal or order == "complete":
            refused = shell.refusal()
            if not refused:
                return Ended(Ending.COMPLETE, f"the shell was ended by {signal or 'an order'}")
            say(f"{GOES_ON}{refused}")
            _tell_terminals(f"not complete: {refused}; the shell goes on")
        now = time.time()
        last_used = now if sessions() else last_used
        if now >= desk.orders.until:
            return Ended(Ending.LIMIT, "the shell was ended at its limit", refused)
        if now >= max(last_used + idle_seconds, desk.orders.awake_until):
            return Ended(Ending.IDLE, f"the shell was ended: nobody used it for {in_words(idle_seconds)}", refused)
        time.sleep(_LOOK_SECONDS)


def _check(shell: Shell) -> None:
    try:
        shell.check()
    except (StepFailed, TryAgain) as end:
        _tell_terminals(f"the shell ends: {end}")
        raise


def _signal(shell: Shell) -> str:
    """Take a signal of the user's away, and return its file; empty when there is none."""
    for name in ("failed", "complete"):
        file = shell.signals / name
        if file.is_symlink() or file.is_file():
            file.unlink()
            return str(file)
    return ""


def _tell_terminals(line: str) -> None:
    """Show a line on every terminal of the pod: those of its sessions."""
    for terminal in Path("/dev/pts").glob("[0-9]*"):
        try:
            # A terminal that somebody has stopped would hold us up.
            descriptor = os.open(terminal, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
            os.write(descriptor, f"\r\n{line}\r\n".encode())
            os.close(descriptor)
        except OSError:
            continue


def in_words(seconds: int) -> str:
    """Return a number of seconds in hours and minutes."""
    hours, minutes = divmod(max(1, round(seconds / 60)), 60)
    parts = [f"{hours} h"] * bool(hours) + [f"{minutes} min"] * bool(minutes)
    return " ".join(parts)


def _seconds(variable: str) -> int:
    text = required(variable)
    if not text.isdigit():
        raise StepFailed(f"{variable} is {text}, not a number of seconds")
    return int(text)
