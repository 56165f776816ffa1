"""The logs of the servers that tests start: a test fails when one of them has logged an error that it does not expect.

What starts a server calls `watch` with its log; tests/test_server_logs.py finds who does not. Errors of a server that
several tests share are those of the test during which it logged them.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from cli.servers.log import PREFECT, SEAWEEDFS, Format, LoggedError, ServiceLog

_watched: dict[Path, ServiceLog] = {}
_former: list[ServiceLog] = []

__all__ = ["PREFECT", "SEAWEEDFS", "unexpected", "watch", "watch_up"]


def watch(log: Path, layout: Format) -> None:
    """Have a log read from its beginning. Call it each time the server was started: the log is a new one then."""
    if log in _watched:
        # It goes on being read for what the server logs at its end: the file is open.
        _former.append(_watched[log])
    _watched[log] = ServiceLog(str(log), log, layout)
    _watched[log].open()


def watch_up(folder: Path) -> None:
    """Have all logs read that an `ims up` with this data folder writes."""
    for name in ("server", "deploy", "worker"):
        watch(folder / "logs" / f"prefect-{name}.log", PREFECT)
    watch(folder / "s3" / "weed.log", SEAWEEDFS)


def unexpected(expected: Iterable[str]) -> list[str]:
    """Return the errors that were logged since the last call, but those that match one of the patterns."""
    known = [re.compile(pattern) for pattern in expected]
    found = [(log, error) for log in (*_former, *_watched.values()) for error in log.new_errors(final=True)]
    return [_told(log, error) for log, error in found if not any(each.search(error.text) for each in known)]


def _told(log: ServiceLog, error: LoggedError) -> str:
    return f"{log.path} has an error that the test does not expect:\n{error.text}"
