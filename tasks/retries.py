"""How a task is tried again: one policy for all of them."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from config.settings import settings
from errors import may_retry

P = ParamSpec("P")
R = TypeVar("R")


def retryable(function: Callable[P, R]) -> Task[P, R]:
    """Make a task of a function that is safe to repeat.

    Only transient errors are tried again, after pauses that double. Results are not cached: each task looks at what is
    there (an object, a pod, a record) and goes on from that, also in a process that knows nothing of the one before.
    """
    limits = settings()
    pauses = [limits.task_retry_seconds * 2**attempt for attempt in range(limits.task_retries)]
    return task(
        retries=limits.task_retries,
        retry_delay_seconds=pauses,
        retry_jitter_factor=0.2,
        retry_condition_fn=_is_transient,
        cache_policy=NO_CACHE,
    )(function)


def _is_transient(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    error = state.result(raise_on_failure=False)
    return isinstance(error, BaseException) and may_retry(error)
