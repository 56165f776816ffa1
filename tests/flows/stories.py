"""Orders, kills and evictions over two workers, in any order: run, record and pods come to say the same.

`python -m bench.orders` runs this. Its name is no test file's: the suite has it once, by the small form of that bench.
"""

import os
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from prefect.client.schemas.objects import StateType

from tests.flows.orders import WAITING, WORKERS, World

pytestmark = pytest.mark.containers

# How many stories are told, which, and how long they are: the bench says it.
STORIES = int(os.environ.get("IMS_TEST_STORIES", "1"))
SEED = int(os.environ.get("IMS_TEST_SEED", "1"))
ORDERS_IN_A_STORY = int(os.environ.get("IMS_TEST_ORDERS", "6"))
# How many of the orders are followed by a look whether all agree.
PATIENT = 0.75


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
