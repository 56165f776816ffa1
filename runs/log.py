"""The log of a flow run."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId, LogFilterTimestamp

from runs.connection import translated

# Log lines reach the server in batches: an older line may come after a younger one.
LATE_LINES = timedelta(seconds=10)
PAGE = 200


@dataclass(frozen=True)
class LogLine:
    """A line of a flow run's log; `level` and `logger` as in the logging module."""

    id: str
    time: datetime
    logger: str
    level: int
    text: str


class RunLog:
    """The log of one flow run, of which each line is read once.

    Args:
        client: The server's.
        run_id: The run.
    """

    def __init__(self, client: SyncPrefectClient, run_id: str) -> None:
        self._client = client
        self._run_id = UUID(run_id)
        self._read: set[str] = set()
        self._newest: datetime | None = None

    def new_lines(self) -> list[LogLine]:
        """Return the lines that have come since the last call, oldest first.

        Raises:
            Unreachable: The server does not answer.
        """
        found = [line for line in self._lines() if line.id not in self._read]
        self._read |= {line.id for line in found}
        self._newest = max([line.time for line in found] + ([self._newest] if self._newest else []), default=None)
        return found

    def _lines(self) -> list[LogLine]:
        after = LogFilterTimestamp(after_=self._newest - LATE_LINES) if self._newest else None
        wanted = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[self._run_id]), timestamp=after)
        lines: list[LogLine] = []
        while True:
            with translated(self._client):
                page = self._client.read_logs(wanted, limit=PAGE, offset=len(lines))
            lines += [LogLine(str(line.id), line.timestamp, line.name, line.level, line.message) for line in page]
            if len(page) < PAGE:
                return lines
