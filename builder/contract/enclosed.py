"""What an enclosure (builder/pod/enclosure.py) tells its first process, and what that reports: two files, JSON."""

from dataclasses import dataclass
from typing import ClassVar

from builder.contract.document import Document


@dataclass(frozen=True)
class EnclosedCommand(Document):
    """A command to run.

    Args:
        command: Program and arguments.
        root: The image root that it runs in; empty for the container's own.
        directory: Its working directory, as seen in the root.
        environment: Its whole environment.
        binds: Pairs of a folder and the place where the command sees it.
        seconds: How long it may run.
    """

    title: ClassVar[str] = "the request of the enclosure"

    command: tuple[str, ...]
    root: str
    directory: str
    environment: dict[str, str]
    binds: tuple[tuple[str, ...], ...]
    seconds: float


@dataclass(frozen=True)
class Ending(Document):
    """How a command ended.

    Args:
        exit_code: Its exit code, negative the signal that ended it; None when it never started or was cut off.
        not_started: The error (errno) with which it did not start.
        cut: Why it was cut off: `limit`, its time was up, or `outside`, by a signal; empty when it was not.
        left: The command lines of what still ran when it had ended, or was cut off; none of it runs any more.
    """

    title: ClassVar[str] = "the report of the enclosure"

    exit_code: int | None = None
    not_started: int = 0
    cut: str = ""
    left: tuple[str, ...] = ()
