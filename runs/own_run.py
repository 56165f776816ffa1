"""The flow run that this process works on, and the server that it belongs to."""

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from datetime import timedelta
from functools import partial
from threading import Event, Thread

from prefect.exceptions import Abort
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL

from errors import ImsError
from runs.client import connected
from runs.run import RunState
from storage.models.records import new_id

logger = logging.getLogger(__name__)

# With the removal of pods after it, a job is gone within 30 seconds.
CHECK_EVERY = timedelta(seconds=5)


def own_run_id() -> str:
    """Return the id of the flow run that this process works on; a fresh one where there is none."""
    return str(flow_run.id or new_id())


def read_state(flow_run_id: str) -> RunState:
    """Return the state of any flow run of the own run's server.

    Raises:
        Unreachable: The server does not answer: nothing is known, and no run may be taken for ended.
    """
    with connected(PREFECT_API_URL.value() or "") as runs:
        return runs.read_state(flow_run_id)


def is_alive(flow_run_id: str) -> bool:
    """Tell whether a flow run has not ended."""
    return read_state(flow_run_id).is_alive


def is_cancelled() -> bool:
    """Tell whether the flow run that this process works on is cancelled."""
    run_id = flow_run.root_flow_run_id
    return bool(run_id) and read_state(run_id).is_cancelled


@contextmanager
def interrupted_when_cancelled() -> Iterator[None]:
    """Send this process SIGTERM, as Prefect does, when its flow run is cancelled and Prefect does not send it.

    Prefect cancels a run that was suspended as if no process worked on it. But such a run's process stops only before
    its next step.

    Raises:
        Abort: That has happened; the run's state stays what it is.
    """
    done, cancelled = Event(), Event()
    if run_id := flow_run.root_flow_run_id:
        check = partial(copy_context().run, _interrupt_when_cancelled, run_id, done, cancelled)
        Thread(target=check, daemon=True).start()
    try:
        yield
    except BaseException as error:
        if cancelled.is_set():
            raise Abort(f"flow run {run_id} is cancelled") from error
        raise
    finally:
        done.set()


def _interrupt_when_cancelled(run_id: str, done: Event, cancelled: Event) -> None:
    with connected(PREFECT_API_URL.value() or "") as runs:
        while not done.wait(CHECK_EVERY.total_seconds()):
            try:
                state = runs.read_state(run_id)
            except ImsError:
                # The server is asked again.
                continue
            if state.is_cancelled:
                logger.warning("flow run %s is cancelled: ending what works on it", run_id)
                cancelled.set()
                os.kill(os.getpid(), signal.SIGTERM)
                return
