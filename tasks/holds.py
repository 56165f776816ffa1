"""Holding a job: one flow process at most works on it, and the record says which (storage/records/holds.py).

The process renews its hold while it works. Another process takes the job over when the first one, on the same host, is
gone for certain, or when it has watched the hold for a while and it was not renewed. Clocks of two hosts are not
compared, unless the hold is older than any clock may be wrong.
"""

import logging
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from datetime import timedelta
from threading import Event, Thread

from prefect.exceptions import Abort
from prefect.runtime import flow_run

from errors import ImsError, NotFound
from runs.own_run import is_cancelled
from storage.models.jobs import Hold, Job
from storage.models.records import now
from storage.records.catalogue import catalogue
from storage.records.holds import HoldLost, JobHeld, check_hold, release_hold, renew_hold, take_hold
from tasks.processes import is_gone, own_process

logger = logging.getLogger(__name__)

RENEW_EVERY = timedelta(seconds=4)
STALE_AFTER = timedelta(seconds=15)
# S3 refuses requests of a clock that is wrong by a quarter of an hour.
LONG_AGO = timedelta(minutes=20)
_LOOK_SECONDS = 0.5


def own_hold(flow_run_id: str) -> Hold:
    """Return the hold of this process for a flow run."""
    run_id = str(flow_run.root_flow_run_id or flow_run_id)
    return Hold(holder=own_process(), host=socket.gethostname(), run_id=run_id, renewed=now())


def hold_job(job: Job, hold: Hold, flow_run_id: str) -> Job:
    """Hold a job for this process, in place of one that is gone. Safe to repeat.

    Args:
        job: The job; it has not succeeded.
        hold: This process's hold.
        flow_run_id: The flow run that works on the job from now on.

    Raises:
        JobHeld: Another process works on it; nothing was changed.
    """
    if job.hold and job.hold.holder == hold.holder and (job.flow_run_id, job.diagnosis) == (flow_run_id, None):
        return job
    return take_hold(catalogue(), job.id, hold, flow_run_id, _hold_of_gone_process(job, hold.holder))


def wait_for_end_of_holder(job: Job) -> bool:
    """Wait until the process that holds a job is known to be gone; false when another one is at work.

    Args:
        job: The job.
    """
    try:
        _hold_of_gone_process(job, "")
    except JobHeld:
        return False
    return True


class HoldWatch:
    """Decides whether the processes that hold jobs live, by reading their holds again and again."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, int, float]] = {}

    def is_alive(self, job: Job) -> bool:
        """Return whether a process works on a job, as far as is known: a hold that is new here counts as alive."""
        hold = job.hold
        if hold is None or is_gone(hold.holder) or now() - hold.renewed > LONG_AGO:
            self._seen.pop(job.id, None)
            return False
        known = self._seen.get(job.id)
        if known is None or known[:2] != (hold.holder, hold.beat):
            self._seen[job.id] = (hold.holder, hold.beat, time.monotonic())
            return True
        return time.monotonic() - known[2] < STALE_AFTER.total_seconds()


class Holding:
    """The hold of this process on a job, renewed by a thread.

    Args:
        job: The job with its hold.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._lost_by: HoldLost | None = None
        self._lost = Event()
        self._done = Event()

    def is_lost(self) -> bool:
        """Return whether another process holds the job, or it was ended; the record is read when S3 answers."""
        if self._job.hold is None:
            return False
        with suppress(ImsError):
            self._check()
        return self._lost.is_set()

    def loss(self) -> BaseException:
        """Return the error that a process ends with when it has lost its job.

        It is Abort, which leaves the run's state alone, when the run was cancelled or another process works for it.
        """
        loss = self._lost_by or HoldLost(f"job {self._job.id} was deleted")
        with suppress(ImsError):
            if is_cancelled() or self._is_held_for_the_same_run():
                return Abort(str(loss))
        return loss

    def renew(self) -> None:
        """Renew the hold until `end`; when it is lost, send this process SIGTERM, as Prefect does to cancel a run."""
        while not self._done.wait(RENEW_EVERY.total_seconds()):
            try:
                renew_hold(catalogue(), self._job)
            except (HoldLost, NotFound) as lost:
                self._note_loss(lost)
                logger.warning("%s: ending what works on it", lost.message)
                if not self._done.is_set():
                    os.kill(os.getpid(), signal.SIGTERM)
                return
            except ImsError as error:
                # The next renewal finds out whether another process has taken the job over.
                logger.warning("the hold of job %s is not renewed: %s", self._job.id, error.message)

    def end(self) -> None:
        """Stop renewing the hold, and release the job."""
        self._done.set()
        if self._job.hold and not self._lost.is_set():
            try:
                release_hold(catalogue(), self._job.id, self._job.hold.holder)
            except ImsError as error:
                logger.warning("job %s is held for some seconds more: %s", self._job.id, error.message)

    def _is_held_for_the_same_run(self) -> bool:
        own, other = self._job.hold, catalogue().jobs.get(self._job.id).hold
        return own is not None and other is not None and own.run_id == other.run_id

    def _check(self) -> None:
        try:
            check_hold(catalogue().jobs.get(self._job.id), self._job)
        except (HoldLost, NotFound) as lost:
            self._note_loss(lost)

    def _note_loss(self, lost: ImsError) -> None:
        self._lost_by = lost if isinstance(lost, HoldLost) else None
        self._lost.set()


@contextmanager
def holding(job: Job) -> Iterator[Holding]:
    """Keep the hold of a job while the block runs, and release it afterwards."""
    hold = Holding(job)
    if job.hold is not None:
        # Its log lines belong to the flow run.
        Thread(target=copy_context().run, args=(hold.renew,), daemon=True).start()
    try:
        yield hold
    finally:
        hold.end()


def _hold_of_gone_process(job: Job, own: str) -> Hold | None:
    """Wait until the process that holds a job is gone, and return its hold; None when no process holds the job.

    Raises:
        JobHeld: The process lives.
    """
    watch, first = HoldWatch(), job.hold
    while job.hold and job.hold.holder != own and watch.is_alive(job):
        if first is None or (job.hold.holder, job.hold.beat) != (first.holder, first.beat):
            raise JobHeld(job.id, job.hold)
        time.sleep(_LOOK_SECONDS)
        job = catalogue().jobs.get(job.id)
    return job.hold
