"""Orders, kills and evictions over two workers, in any order: run, record and pods come to say the same.

`python -m bench.orders` does this for longer.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from prefect.client.schemas.objects import StateType

from builder.image import ensure_builder_image
from storage.models.jobs import JobStatus
from storage.models.records import Image
from tests.flows.orders import WAITING, WORKERS, World
from tests.flows.site import Site
from tests.tiny_image import register

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1500)]

# How many stories the test tells, and which; the bench asks for others.
STORIES = int(os.environ.get("IMS_TEST_STORIES", "1"))
SEED = int(os.environ.get("IMS_TEST_SEED", "1"))
ORDERS_IN_A_STORY = int(os.environ.get("IMS_TEST_ORDERS", "10"))
# How many of the orders are followed by a look whether all agree.
PATIENT = 0.75


@pytest.fixture
def world(site: Site, prefect_api: str, tiny_rootfs: Path) -> Iterator[World]:
    """A world of which nothing is left."""
    image = site.catalogue.images.create(register(site.store, site.boot_images_bucket, tiny_rootfs))
    with a_world(site, image, prefect_api) as world:
        yield world


@contextmanager
def a_world(site: Site, image: Image, api: str) -> Iterator[World]:
    site.environment |= {"IMS_BUILDER_IMAGE": ensure_builder_image()}
    world = World(site, image, api)
    try:
        yield world
    finally:
        for name in list(world.workers):
            world.kill_worker(name)
        for run_id in world.runs:
            site.runtime.remove(run_id)


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


def going_on(world: World) -> list[str]:
    return in_state(world, *WAITING, StateType.PAUSED)


def in_state(world: World, *types: StateType) -> list[str]:
    return [run_id for run_id in world.runs if world.state(run_id) in types]


def new_jobs(world: World) -> list[str]:
    return ["a new one"] if len(going_on(world)) < 2 else []


# What users and hosts do: to which runs or workers it can be done at a moment, and how.
Order = tuple[Callable[[World], list[str]], Callable[[World, str], object]]
ORDERS: dict[str, Order] = {
    "begin a shell": (new_jobs, lambda world, _: world.begin_shell()),
    "begin a build": (new_jobs, lambda world, _: world.begin_build()),
    "kill a worker with its runs": (lambda world: sorted(world.workers), World.kill_worker),
    "start a worker": (lambda world: sorted(set(WORKERS) - set(world.workers)), World.start_worker),
    "kill a run's process": (lambda world: in_state(world, StateType.RUNNING), World.kill_run),
    "evict a pod": (lambda world: sorted(world.at_work()), World.evict),
    "cancel": (going_on, World.cancel),
    "suspend": (lambda world: in_state(world, StateType.RUNNING), World.suspend),
    "resume": (lambda world: in_state(world, StateType.PAUSED), World.resume),
    "retry": (lambda world: in_state(world, StateType.CRASHED, StateType.FAILED), World.retry),
    "complete a shell": (lambda world: world.open_shells(), World.complete),
}


def test_run_record_and_pods_agree_after_any_orders(world: World) -> None:
    """Some orders follow at once on the one before, others when all agree."""

    @seed(SEED)
    @settings(
        max_examples=STORIES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(number=st.integers(0, 2**32))
    def story(number: int) -> None:
        # Hypothesis prefers the first of what is possible, and users do not.
        chance = Random(number)
        for name in sorted(set(WORKERS) - set(world.workers)):
            world.start_worker(name)
        for _ in range(ORDERS_IN_A_STORY):
            possible = {order: found for order, (targets, _) in ORDERS.items() if (found := targets(world))}
            order = chance.choice(sorted(possible))
            target = chance.choice(possible[order])
            world.told(order, target)
            ORDERS[order][1](world, target)
            if chance.random() < PATIENT:
                world.settle()
        world.end()

    with world.watched():
        story()
    print(f"{world.orders.total()} orders: {dict(world.orders)}; the slowest agreement took {world.slowest:.0f} s")
