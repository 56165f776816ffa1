"""The errors that services have logged, as their user is told of them: each kind once, and how often it came."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cli.child import Child
from cli.service_log import PREFECT, SEAWEEDFS, LoggedError, ServiceLog

WIDTH = 80
# Of a message that is longer the log has the rest.
LINES = 3


def s3_log(file: Path) -> ServiceLog:
    """Return the log of an embedded S3 server."""
    return ServiceLog("the S3 server", file, SEAWEEDFS)


def prefect_log(program: Child) -> ServiceLog:
    """Return the log of one of Prefect's programs."""
    return ServiceLog(program.name, program.log, PREFECT)


def logs_of(folder: Path, *, with_s3: bool) -> list[ServiceLog]:
    """Return the logs of a running `ims up`.

    Args:
        folder: Its data folder.
        with_s3: Whether the S3 server is its own: else a log of that may be there from another time.
    """
    programs = {"the Prefect server": "server", "deploying the flows": "deploy", "the Prefect worker": "worker"}
    found = [ServiceLog(name, folder / "logs" / f"prefect-{file}.log", PREFECT) for name, file in programs.items()]
    return [*([s3_log(folder / "s3" / "weed.log")] if with_s3 else []), *found]


@dataclass
class Kind:
    """Errors of one service that differ in particulars alone: the first of them, and how many there were."""

    log: ServiceLog
    first: LoggedError
    times: int = 0

    @property
    def told(self) -> str:
        """What the user is told: who has logged it, what it says, and where the rest stands."""
        return "\n".join([f"{self._name} has logged an error:", *self._said, f"  {self.log.path}"])

    @property
    def counted(self) -> str:
        """The same with how often it came, without where it stands."""
        times = "once" if self.times == 1 else f"{self.times} times"
        return "\n".join([f"{self._name} has logged {times}:", *self._said])

    @property
    def _name(self) -> str:
        return f"{self.log.name[0].upper()}{self.log.name[1:]}"

    @property
    def _said(self) -> list[str]:
        said = (f"{self.first.where}: {self.first.message}".removeprefix(": "), self.first.raised)
        return [_wrapped(line) for line in said if line]


class ServiceErrors:
    """The errors of some services, put together by kind.

    Args:
        logs: Their logs; further ones are added when their services start.
    """

    def __init__(self, logs: Sequence[ServiceLog] = ()) -> None:
        self.logs = list(logs)
        self._kinds: dict[tuple[str, str], Kind] = {}

    @property
    def kinds(self) -> list[Kind]:
        """All kinds so far, the first to come first."""
        return list(self._kinds.values())

    def new_kinds(self, *, final: bool = False) -> list[Kind]:
        """Read the logs on, and return the kinds that were not there before.

        Args:
            final: Whether nothing more comes.
        """
        known = len(self._kinds)
        for log in self.logs:
            for error in log.new_errors(final=final):
                self._kinds.setdefault((log.name, error.kind), Kind(log, error)).times += 1
        return self.kinds[known:]


def _wrapped(line: str) -> str:
    return textwrap.fill(
        line, WIDTH, initial_indent="  ", subsequent_indent="    ", max_lines=LINES, placeholder=" …", tabsize=4
    )
