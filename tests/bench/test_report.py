"""What benchmarks print, and which figures decide their exit code."""

from argparse import Namespace

import pytest

from bench.report import AtLeast, AtMost, Figure, Option, run

OPTIONS = [Option("rounds", 15, 3, "how many")]


def test_small_has_other_defaults() -> None:
    seen: list[Namespace] = []

    def measure(asked: Namespace) -> list[Figure]:
        seen.append(asked)
        return []

    for words in ([], ["--small"], ["--small", "--rounds", "7"]):
        assert run(measure, "doc", OPTIONS, words) == 0
    assert [(asked.small, asked.rounds) for asked in seen] == [(False, 15), (True, 3), (True, 7)]


@pytest.mark.parametrize(
    ("figure", "usual", "small"),
    [
        (Figure("speed", 16.0, AtLeast(15)), 0, 0),
        (Figure("speed", 14.0, AtLeast(15)), 1, 0),
        (Figure("size", 1.07, AtMost(1.06)), 1, 0),
        (Figure("left", 0, AtMost(0), at_any_size=True), 0, 0),
        (Figure("left", 1, AtMost(0), at_any_size=True), 1, 1),
    ],
    ids=["held", "too-slow", "too-big", "nothing-left", "something-left"],
)
def test_a_figure_that_is_not_as_wanted_fails(figure: Figure, usual: int, small: int) -> None:
    assert run(lambda _: [figure], "doc", [], []) == usual
    assert run(lambda _: [figure], "doc", [], ["--small"]) == small


def test_wanted_and_measured_stand_in_one_row(capsys: pytest.CaptureFixture[str]) -> None:
    run(lambda _: [Figure("speed, ours / theirs", 15.92, AtLeast(15))], "doc", [], [])
    assert "| speed, ours / theirs | 15.92 | at least 15 |" in capsys.readouterr().out
