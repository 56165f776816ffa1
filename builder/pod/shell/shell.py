"""A shell into an image root: root by SSH, until its user or an order ends it, or its time is up.

The flow (tasks/shells.py) reads three of its lines (builder/contract/lines.py): the shell is ready, it goes on because
it cannot be completed, and what may be missing since an earlier pod was lost with its node.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from builder.contract.inputs import JobInput, ShellInput
from builder.contract.lines import SHELL_GOES_ON, SHELL_LOST, ShellReady
from builder.contract.shell_orders import Operation
from builder.pod.shell.kept import Keeper, take_loss
from builder.pod.shell.orders import OrderInbox
from builder.pod.shell.sshd import Access, serve
from builder.pod.step import StepFailed, TryAgain, say, workspace

# Where IMS's users find the image's root, and make the file that ends the shell.
IMAGE = Path("/mnt/image")
_POLL_SECONDS = 0.5


class Ending(StrEnum):
    """How a shell ended."""

    COMPLETE = "complete"
    FAILED = "failed"
    LIMIT = "limit"
    IDLE = "idle"


@dataclass(frozen=True)
class Shell:
    """A shell: what its sessions see, and how it ends.

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
    """How a shell ended: the reason in words, and why it could not be completed at the last attempt."""

    how: Ending
    words: str
    refused: str = ""


def open_shell(shell: Shell, asked: ShellInput) -> Ended:
    """Serve a shell until it ends.

    Raises:
        StepFailed: It does not open, or what its check raises.
    """
    kept = workspace() / "shell"
    kept.mkdir(mode=0o700, exist_ok=True)
    loss, keeper = take_loss(workspace()), Keeper(workspace())
    access = Access(
        address=asked.address,
        public_key=asked.public_key,
        keys=kept,
        environment=JobInput.from_environment(os.environ).to_environment(),
        welcome=shell.welcome.format(limit=in_words(asked.seconds)) + (f"Careful: {loss}.\n" if loss else ""),
        jail=shell.jail,
        forwarding=asked.forwarding,
    )
    inbox = OrderInbox(asked.orders_url, time.time() + asked.seconds, kept / "last-order")
    _take_signal(shell)  # a signal to an earlier pod does not count
    with serve(access) as server:
        say(ShellReady(server.port, server.fingerprint).line())
        if loss:
            say(f"{SHELL_LOST}{loss}")
        shell.on_ready()
        ended = wait(shell, inbox, server.sessions, asked.idle_seconds, keeper.sync_when_due)
    say(ended.words)
    return ended


def wait(
    shell: Shell,
    inbox: OrderInbox,
    sessions: Callable[[], int],
    idle_seconds: int,
    keep: Callable[[], None] = lambda: None,
) -> Ended:
    """Wait until the shell ends.

    Args:
        shell: The shell.
        inbox: Reads the orders.
        sessions: Counts the sessions that are open.
        idle_seconds: For how long there may be none.
        keep: Called again and again: keeps what its user makes.
    """
    last_used, refused = time.time(), ""
    while True:
        _check(shell)
        keep()
        signal, order = _take_signal(shell), inbox.new_order()
        if "failed" in signal or order == Operation.ABORT:
            return Ended(Ending.FAILED, f"the user aborted it, by {signal or 'an order'}", refused)
        if signal or order == Operation.COMPLETE:
            refused = shell.refusal()
            if not refused:
                return Ended(Ending.COMPLETE, f"the shell was ended by {signal or 'an order'}")
            say(f"{SHELL_GOES_ON}{refused}")
            _write_to_terminals(f"not complete: {refused}; the shell goes on")
        now = time.time()
        last_used = now if sessions() else last_used
        if now >= inbox.orders.until:
            return Ended(Ending.LIMIT, "the shell was ended at its limit", refused)
        if now >= max(last_used + idle_seconds, inbox.orders.awake_until):
            return Ended(Ending.IDLE, f"the shell was ended: it was not used for {in_words(idle_seconds)}", refused)
        time.sleep(_POLL_SECONDS)


def _check(shell: Shell) -> None:
    try:
        shell.check()
    except (StepFailed, TryAgain) as end:
        _write_to_terminals(f"the shell ends: {end}")
        raise


def _take_signal(shell: Shell) -> str:
    """Remove a file by which the user ends the shell, and return its path; empty when there is none."""
    for name in ("failed", "complete"):
        file = shell.signals / name
        if file.is_symlink() or file.is_file():
            file.unlink()
            return str(file)
    return ""


def _write_to_terminals(line: str) -> None:
    """Show a line on every terminal of the pod: those of its sessions."""
    for terminal in Path("/dev/pts").glob("[0-9]*"):
        try:
            # A write to a terminal that its user has stopped would block.
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
