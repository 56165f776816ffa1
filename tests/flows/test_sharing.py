from hypothesis import given
from hypothesis import strategies as st

from flows.sharing import shares

names = st.sampled_from(["a", "b", "c", "d"])
loads = st.dictionaries(names, st.integers(0, 20), min_size=1)
runs = st.lists(st.uuids().map(str), unique=True, max_size=30)


def test_runs_go_in_turn_to_workers_that_have_as_many() -> None:
    assert shares(["1", "2", "3", "4", "5"], {"b": 0, "a": 0}) == {"a": ["1", "3", "5"], "b": ["2", "4"]}


def test_a_worker_that_has_fewer_runs_comes_first() -> None:
    assert shares(["1", "2", "3"], {"a": 3, "b": 1}) == {"a": ["3"], "b": ["1", "2"]}


def test_a_run_that_is_bound_to_a_worker_is_that_ones_whatever_it_has() -> None:
    assert shares(["1", "2", "3"], {"a": 0, "b": 5}, bound={"2": "b"}) == {"a": ["1", "3"], "b": ["2"]}


def test_a_bound_run_that_its_worker_has_no_room_for_waits_and_keeps_nobody_up() -> None:
    assert shares(["1", "2"], {"a": 0, "b": 5}, limit=5, bound={"1": "b"}) == {"a": ["2"], "b": []}


def test_a_run_that_nobody_has_room_for_is_nobodys() -> None:
    assert shares(["1", "2", "3"], {"a": 3, "b": 2}, limit=3) == {"a": [], "b": ["1"]}


@given(runs, loads)
def test_each_run_is_one_workers(due: list[str], in_hand: dict[str, int]) -> None:
    taken = shares(due, in_hand)
    assert sorted(run for share in taken.values() for run in share) == sorted(due)


@given(runs, loads)
def test_nobody_gets_a_run_while_another_has_less(due: list[str], in_hand: dict[str, int]) -> None:
    taken = shares(due, in_hand)
    after = {name: in_hand[name] + len(share) for name, share in taken.items()}
    for name, share in taken.items():
        assert not share or after[name] - 1 <= min(after.values())


@given(runs, loads, st.integers(1, 25))
def test_nobody_gets_more_than_the_limit(due: list[str], in_hand: dict[str, int], limit: int) -> None:
    for name, share in shares(due, in_hand, limit).items():
        assert not share or in_hand[name] + len(share) <= limit
