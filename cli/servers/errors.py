"""The errors that services have logged, as they are shown to the user: each kind once, with its number."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cli.servers.child import Child
from cli.servers.log import PREFECT, SEAWEEDFS, LoggedError, ServiceLog

WIDTH = 80
# The rest of a longer message is only in the log.
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
        with_s3: Whether the S3 server is its own: otherwise the log of an earlier one may be there.
    """
    programs = {
        "the Prefect server": "prefect-server",
        "deploying the flows": "prefect-deploy",
        "the Prefect worker": "prefect-worker",
        "the REST API": "api",
    }
    found = [ServiceLog(name, folder / "logs" / f"{file}.log", PREFECT) for name, file in programs.items()]
    return [*([s3_log(folder / "s3" / "weed.log")] if with_s3 else []), *found]


@dataclass
class Kind:
    """Errors of one service that differ only in ids, addresses and numbers: the first, and how many there were."""

    log: ServiceLog
    first: LoggedError
    times: int = 0

    @property
    def notice(self) -> str:
        """What is shown when it is first logged: which service logged it, its message, and the path of the log."""
        return "\n".join([f"{self._name} has logged an error:", *self._message, f"  {self.log.path}"])

    @property
    def summary(self) -> str:
        """The same with how often it was logged, without the path."""
        times = "once" if self.times == 1 else f"{self.times} times"
        return "\n".join([f"{self._name} has logged {times}:", *self._message])

    @property
    def _name(self) -> str:
        return f"{self.log.name[0].upper()}{self.log.name[1:]}"

    @property
    def _message(self) -> list[str]:
        parts = (f"{self.first.where}: {self.first.message}".removeprefix(": "), self.first.raised)
        return [_wrapped(line) for line in parts if line]


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
