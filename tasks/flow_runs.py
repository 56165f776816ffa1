"""Flow runs, as far as the steps of others have to know of them: whether one is at work, and when it ended."""

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from threading import Event, Thread
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import Abort, ObjectNotFound
from prefect.runtime import flow_run

from errors import Unreachable
from storage.models.records import new_id

logger = logging.getLogger(__name__)

CANCELLED = "Cancelled"
# With the removal of pods after it, a job is gone within 30 seconds.
LOOK_EVERY = timedelta(seconds=5)


@dataclass(frozen=True)
class Sight:
    """What Prefect says of a flow run: its state's name (empty: it does not know the run), and when it ended."""

    state: str = ""
    ended: datetime | None = None

    @property
    def is_known(self) -> bool:
        """Whether Prefect knows the run."""
        return bool(self.state)

    @property
    def is_alive(self) -> bool:
        """Whether the run has not ended; one that Prefect does not know has."""
        return self.is_known and self.ended is None


def look_at(flow_run_id: str) -> Sight:
    """Ask Prefect for a flow run.

    Raises:
        Unreachable: Prefect does not answer: nothing is known, and nothing may be taken for ended.
    """
    with get_client(sync_client=True) as client:
        return _look(client, flow_run_id)


def is_alive(flow_run_id: str) -> bool:
    """Tell whether a flow run has not ended."""
    return look_at(flow_run_id).is_alive


def own_run_id() -> str:
    """Return the id of the flow run that this process works on; a fresh one where there is none."""
    return str(flow_run.id or new_id())


def is_cancelled() -> bool:
    """Tell whether the flow run that this process works on is cancelled."""
    run_id = flow_run.root_flow_run_id
    return bool(run_id) and look_at(run_id).state == CANCELLED


@contextmanager
def interrupted_when_cancelled() -> Iterator[None]:
    """Send this process SIGTERM, as Prefect does, when its flow run is cancelled without a word to it.

    That is how Prefect cancels a run that was suspended: as if nothing worked on it. But such a run stops only before
    its next step.

    Raises:
        Abort: That has happened; the run's state stays what it is.
    """
    done, cancelled = Event(), Event()
    if run_id := flow_run.root_flow_run_id:
        look = partial(copy_context().run, _interrupt_when_cancelled, run_id, done, cancelled)
        Thread(target=look, daemon=True).start()
    try:
        yield
    except BaseException as error:
        if cancelled.is_set():
            raise Abort(f"flow run {run_id} is cancelled") from error
        raise
    finally:
        done.set()


def _interrupt_when_cancelled(run_id: str, done: Event, cancelled: Event) -> None:
    # With settings of its own it is another client than the flow's, which is not for two threads.
    with get_client(sync_client=True, httpx_settings={}) as client:
        while not done.wait(LOOK_EVERY.total_seconds()):
            try:
                sight = _look(client, run_id)
            except Unreachable:
                # The next look tells.
                continue
            if sight.state == CANCELLED:
                logger.warning("flow run %s is cancelled: ending what works on it", run_id)
                cancelled.set()
                os.kill(os.getpid(), signal.SIGTERM)
                return


def _look(client: SyncPrefectClient, flow_run_id: str) -> Sight:
    try:
        state = client.read_flow_run(UUID(flow_run_id)).state
    except (ObjectNotFound, ValueError):
        return Sight()
    except httpx.HTTPError as error:
        raise Unreachable(f"Prefect does not tell whether flow run {flow_run_id} has ended: {error}") from error
    if state is None:
        return Sight(state="Scheduled")
    return Sight(state=state.name or state.type.value, ended=state.timestamp if state.is_final() else None)
