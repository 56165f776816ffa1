"""builder/contract/lines.py: the lines that a flow reads."""

import pytest

from builder.contract.lines import SHELL_LOST, LastWords, ShellReady, after, last_words


def test_a_shell_that_is_ready_says_where() -> None:
    ready = ShellReady(2222, "SHA256:abc")
    assert ready.line() == "shell ready: 2222 SHA256:abc"
    assert ShellReady.parse(ready.line()) == ready


@pytest.mark.parametrize("line", ["", "shell ready: ", "shell ready: x y", " shell ready: 1 y", "shell ready: 1 y z"])
def test_another_line_is_none(line: str) -> None:
    assert ShellReady.parse(line) is None


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (["x", "advice: do", "error: bad"], LastWords("bad", "do")),
        (["x", "error: bad"], LastWords("bad", "")),
        (["error: bad", "x"], LastWords("", "")),
        (["advice: do"], LastWords("", "")),
        ([], LastWords("", "")),
    ],
)
def test_the_last_line_is_the_error_and_the_one_before_it_the_advice(log: list[str], words: LastWords) -> None:
    assert last_words(log) == words


def test_what_follows_a_prefix() -> None:
    assert after(SHELL_LOST, "shell lost: all of it") == "all of it"
    assert after(SHELL_LOST, "no shell lost: all of it") == ""
