"""Following a flow run to its end: its state and the new lines of its log, asked for once a second.

Prefect 3.8.8's own subscriber asks for no log line older than a minute, and gives up after ten attempts, some eight
seconds: its server takes up to 23 s to start again, and longer on a busy host.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from errors import Unreachable
from runs.client import Runs
from runs.log import LogLine, RunLog
from runs.run import Run

POLL_SECONDS = 1.0
# A worker asks for runs every two seconds, and a process takes as long to start.
PATIENCE_SECONDS = 20.0
# How long a server may not answer, beyond the half minute for which Prefect's client tries each call again.
SILENCE_SECONDS = 30.0
# A run's process sends the last lines of its log, and closes its job, just after the run has ended.
LAST_LINES_SECONDS = 2.0


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Args:
        run: The run.
        lines: The lines of its log that have come since the last progress.
        seconds: Since when it is followed.
    """

    run: Run
    lines: list[LogLine] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def is_overdue(self) -> bool:
        """Whether no worker has taken the run for longer than that should take."""
        return self.run.state.is_waiting and self.seconds > PATIENCE_SECONDS


def progress_of(runs: Runs, run_id: Callable[[], str]) -> Iterator[Progress]:
    """Yield how far a run is until it has ended; the last progress has the end of its log.

    Args:
        runs: The server's.
        run_id: Returns the run's id, which may become another one: a job may be taken over by another run.

    Raises:
        NotFound: The server does not know the run.
        Unreachable: A server has not answered for too long; the run may go on.
    """
    started = answered = time.monotonic()
    logs: dict[str, RunLog] = {}
    while True:
        try:
            run = runs.read_run(run_id())
            lines = logs.setdefault(run.id, runs.log(run.id)).new_lines()
        except Unreachable:
            if time.monotonic() - answered > SILENCE_SECONDS:
                raise
            time.sleep(POLL_SECONDS)
            continue
        answered = time.monotonic()
        yield Progress(run, lines, answered - started)
        if run.state.is_final:
            time.sleep(LAST_LINES_SECONDS)
            yield Progress(run, _last_lines(logs[run.id]), time.monotonic() - started)
            return
        time.sleep(POLL_SECONDS)


def _last_lines(log: RunLog) -> list[LogLine]:
    """Return the end of an ended run's log; nothing when the server was stopped meanwhile."""
    try:
        return log.new_lines()
    except Unreachable:
        return []
