"""How a task is tried again: one policy for all of them."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from config.settings import settings
from errors import may_retry

P = ParamSpec("P")
R = TypeVar("R")


def retryable(function: Callable[P, R]) -> Task[P, R]:
    """Make a task of a function that is safe to repeat.

    Only transient errors are tried again, after pauses that double. Results are not cached: each task reads what is
    there (an object, a pod, a record) and continues from that, also in another process than before.
    """
    return _Retryable(function, retry_jitter_factor=0.2, retry_condition_fn=_is_transient, cache_policy=NO_CACHE)


class _Retryable(Task[P, R]):
    """A task that is tried again as often as the settings say when it is called."""

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Run the task."""
        chosen = settings().tasks
        self.retries = chosen.retries
        self.retry_delay_seconds = [chosen.retry_seconds * 2**attempt for attempt in range(chosen.retries)]
        return super().__call__(*arguments, **named)


def _is_transient(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    error = state.result(raise_on_failure=False)
    return isinstance(error, BaseException) and may_retry(error)
