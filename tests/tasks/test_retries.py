from collections.abc import Iterator

import pytest
from prefect import flow

from config.settings import settings
from errors import Conflict, PermanentError, TransientError, Unreachable
from tasks.retries import retryable

TRIED: list[str] = []


@retryable
def fails(error: type[TransientError | PermanentError]) -> None:
    TRIED.append(error.__name__)
    raise error("the server says no")


@flow
def failing(error: type[TransientError | PermanentError]) -> None:
    fails(error)


@pytest.fixture(autouse=True)
def _two_retries(prefect_api: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # Set after the task was made: the settings are read when it is called.
    monkeypatch.setenv("IMS_TASK_RETRIES", "2")
    monkeypatch.setenv("IMS_TASK_RETRY_SECONDS", "0")
    settings.cache_clear()
    TRIED.clear()
    yield
    settings.cache_clear()


def test_a_transient_error_is_tried_again_as_often_as_the_settings_say_by_then() -> None:
    with pytest.raises(Unreachable):
        failing(Unreachable)
    assert len(TRIED) == 3


def test_a_permanent_error_is_not_tried_again() -> None:
    with pytest.raises(Conflict):
        failing(Conflict)
    assert len(TRIED) == 1
