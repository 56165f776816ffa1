from itertools import islice

import pytest

from storage.s3.backoff import pauses, tries


def test_pauses_grow_to_a_bound_that_is_never_passed() -> None:
    for number, pause in enumerate(islice(pauses(0.2, 5), 100)):
        assert 0 <= pause <= min(0.2 * 2**number, 5)


def test_there_is_a_pause_between_tries_and_none_around_them(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("storage.s3.backoff.time.sleep", slept.append)
    assert list(tries(4)) == [1, 2, 3, 4]
    assert len(slept) == 3
