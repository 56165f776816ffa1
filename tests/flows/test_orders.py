"""Orders, kills and evictions over two workers, in any order: run, record and pods come to say the same.

`python -m bench.orders` does this for longer.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from prefect.client.schemas.objects import StateType

from builder.image import ensure_builder_image
from storage.job_models import JobStatus
from storage.models import Image
from tests.flows.orders import WAITING, WORKERS, World
from tests.flows.site import Site
from tests.tiny_image import register

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1500)]

# How many stories the test tells, and how many orders each has; the bench asks for more.
STORIES = int(os.environ.get("IMS_TEST_ORDERS", "2"))
ORDERS = 8


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
    world._wait_for(lambda: status(world, run_id) is JobStatus.WAITING_ON_USER, 120, world.story)
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


@contextmanager
def world_resumed(world: World, run_id: str) -> Iterator[None]:
    """Resume a run as a worker does that starts, which then takes no runs."""
    world.retry(run_id)
    assert world.state(run_id) is StateType.SCHEDULED
    yield


def status(world: World, run_id: str) -> JobStatus | None:
    job = world.job(run_id)
    return job.status if job else None


class Orders(RuleBasedStateMachine):
    """What users and hosts do. Each order is followed by a wait, until all agree."""

    world: World

    @initialize()
    def two_workers(self) -> None:
        for name in set(WORKERS) - set(self.world.workers):
            self.world.start_worker(name)

    @precondition(lambda self: len(self.going_on()) < 2)
    @rule(kind=st.sampled_from(["shell", "build"]))
    def begin(self, kind: str) -> None:
        self._did(f"begin a {kind}")
        self.world.begin_shell() if kind == "shell" else self.world.begin_build()
        self._settle()

    @precondition(lambda self: bool(self.world.workers))
    @rule(data=st.data())
    def kill_worker(self, data: st.DataObject) -> None:
        self._did("kill a worker and its runs")
        self.world.kill_worker(data.draw(st.sampled_from(sorted(self.world.workers))))
        self._settle()

    @precondition(lambda self: len(self.world.workers) < len(WORKERS))
    @rule(data=st.data())
    def start_worker(self, data: st.DataObject) -> None:
        self._did("start a worker")
        self.world.start_worker(data.draw(st.sampled_from(sorted(set(WORKERS) - set(self.world.workers)))))
        self._settle()

    @precondition(lambda self: bool(self.going_on()))
    @rule(data=st.data(), settled=st.booleans())
    def cancel(self, data: st.DataObject, settled: bool) -> None:
        self._did("cancel a run")
        self.world.cancel(data.draw(st.sampled_from(self.going_on())))
        self._settle(settled)

    @precondition(lambda self: bool(self.in_state(StateType.RUNNING)))
    @rule(data=st.data(), settled=st.booleans())
    def suspend(self, data: st.DataObject, settled: bool) -> None:
        self._did("suspend a run")
        self.world.suspend(data.draw(st.sampled_from(self.in_state(StateType.RUNNING))))
        self._settle(settled)

    @precondition(lambda self: bool(self.in_state(StateType.PAUSED)))
    @rule(data=st.data(), settled=st.booleans())
    def resume(self, data: st.DataObject, settled: bool) -> None:
        self._did("resume a run")
        self.world.resume(data.draw(st.sampled_from(self.in_state(StateType.PAUSED))))
        self._settle(settled)

    @precondition(lambda self: bool(self.in_state(StateType.CRASHED, StateType.FAILED)))
    @rule(data=st.data(), settled=st.booleans())
    def retry(self, data: st.DataObject, settled: bool) -> None:
        self._did("retry a run")
        self.world.retry(data.draw(st.sampled_from(self.in_state(StateType.CRASHED, StateType.FAILED))))
        self._settle(settled)

    @precondition(lambda self: bool(self.in_state(StateType.RUNNING)))
    @rule(data=st.data())
    def kill_run(self, data: st.DataObject) -> None:
        if self.world.kill_run(data.draw(st.sampled_from(self.in_state(StateType.RUNNING)))):
            self._did("kill a run's process")
        self._settle()

    @precondition(lambda self: bool(self.world.at_work()))
    @rule(data=st.data())
    def evict(self, data: st.DataObject) -> None:
        if (at_work := sorted(self.world.at_work())) and self.world.evict(data.draw(st.sampled_from(at_work))):
            self._did("evict a pod")
        self._settle()

    @precondition(lambda self: bool(self.world.runs))
    @rule(data=st.data())
    def complete(self, data: st.DataObject) -> None:
        if self.world.complete(data.draw(st.sampled_from(self.world.runs))):
            self._did("complete a shell")
        self._settle()

    def teardown(self) -> None:
        self.world.end()
        for run_id in self.world.runs:
            self.world.site.runtime.remove(run_id)
        self.world.runs.clear()

    def going_on(self) -> list[str]:
        """Return the runs that have not ended."""
        return self.in_state(*WAITING, StateType.PAUSED)

    def in_state(self, *types: StateType) -> list[str]:
        return [run_id for run_id in self.world.runs if self.world.state(run_id) in types]

    def _did(self, order: str) -> None:
        self.world.orders[order] += 1
        print(order, flush=True)

    def _settle(self, settled: bool = True) -> None:
        # Some orders follow at once on the one before.
        if settled:
            self.world.settle()


def test_run_record_and_pods_agree_after_any_orders(world: World) -> None:
    machine = type("OrdersOfThisWorld", (Orders,), {"world": world})
    limits = settings(
        max_examples=STORIES,
        stateful_step_count=ORDERS,
        deadline=None,
        database=None,
        derandomize=True,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    with world.watched():
        run_state_machine_as_test(machine, settings=limits)
    print(f"{world.orders.total()} orders: {dict(world.orders)}; the slowest agreement took {world.slowest:.0f} s")
