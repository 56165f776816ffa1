"""What a cancel, a resume and a lost worker may meet, over two workers: run, record and pods come to say the same.

tests/flows/stories.py has orders in any order.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from prefect.client.schemas.objects import StateType

from storage.models.jobs import JobStatus
from tests.flows.orders import World

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1500)]


def test_a_cancel_between_a_worker_that_was_lost_and_the_next_is_carried_out(world: World) -> None:
    """The run was resumed, and is cancelled before any process works on it."""
    world.start_worker("worker-a")
    world.start_worker("worker-b")
    run_id = world.begin_shell()
    world.wait_for(lambda: status(world, run_id) is JobStatus.WAITING_ON_USER, 120, world.story)
    world.kill_worker("worker-a")
    world.kill_worker("worker-b")
    with world_resumed(world, run_id):
        world.cancel(run_id)
        assert world.state(run_id) is StateType.CANCELLING, "Prefect waits for a process that is gone"
    world.start_worker("worker-a")
    world.settle()
    assert world.state(run_id) is StateType.CANCELLED
    job = world.job(run_id)
    assert job is not None
    assert job.diagnosis is not None
    assert job.diagnosis.summary == "cancelled"
    assert run_id not in world.site.runtime.jobs()


def test_a_run_that_is_cancelled_before_it_has_a_job_and_a_process_is_cancelled(world: World) -> None:
    """Its worker was killed between taking it and starting its process."""
    world.start_worker("worker-a")
    run_id = world.pending_build()
    world.cancel(run_id)
    assert world.state(run_id) is StateType.CANCELLING, "Prefect waits for a process that there never was"
    world.settle()
    assert world.state(run_id) is StateType.CANCELLED
    assert world.job(run_id) is None


def test_a_run_that_is_resumed_before_its_process_has_ended_does_not_end_the_worker(world: World) -> None:
    world.start_worker("worker-a")
    run_id = world.begin_build()
    world.wait_for(lambda: bool(world.at_work().get(run_id)), 120, world.story)
    world.suspend(run_id)
    time.sleep(1)
    world.resume(run_id)
    world.settle()
    world.wait_for(lambda: world.state(run_id) is StateType.COMPLETED, 120, world.story)


@contextmanager
def world_resumed(world: World, run_id: str) -> Iterator[None]:
    """Resume a run as a worker does that starts, which then takes no runs."""
    world.retry(run_id)
    assert world.state(run_id) is StateType.SCHEDULED
    yield


def status(world: World, run_id: str) -> JobStatus | None:
    job = world.job(run_id)
    return job.status if job else None
