import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pods.log_copy import LONGEST_LINE_BYTES, TAIL_LINES, Lines, LogCopy


def cut(blocks: list[bytes], longest: int = LONGEST_LINE_BYTES) -> list[str]:
    lines = Lines(longest)
    return [line for block in blocks for line in lines.feed(block)] + lines.end()


def test_a_partial_last_line_is_kept() -> None:
    assert cut([b"one\ntw", b"o"]) == ["one", "two"]


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert cut([b"\xff ok\r\n"]) == ["\N{REPLACEMENT CHARACTER} ok"]


def test_an_endless_line_comes_in_pieces() -> None:
    lines = cut([b"x" * (3 * LONGEST_LINE_BYTES) + b"y\nz\n"])
    assert [len(line) for line in lines] == [LONGEST_LINE_BYTES] * 3 + [1, 1]


@given(st.text(alphabet="ab\n", max_size=40), st.integers(1, 10))
def test_lines_do_not_depend_on_the_blocks(text: str, size: int) -> None:
    stream = text.encode()
    blocks = [stream[start : start + size] for start in range(0, len(stream), size)]
    lines = cut(blocks, longest=4)
    assert lines == cut([stream], longest=4)
    assert all(len(line) <= 4 for line in lines)


def test_reading_again_rewrites_the_file_and_reports_only_new_lines(tmp_path: Path) -> None:
    told: list[str] = []
    with LogCopy(tmp_path / "step.log", told.append) as copy:
        copy.feed(b"one\ntwo\n")
        copy.begin_again()
        copy.feed(b"one\ntwo\nthree\nfo")
        copy.feed(b"ur")
        copy.end()
    assert told == ["one", "two", "three", "four"]
    assert (tmp_path / "step.log").read_bytes() == b"one\ntwo\nthree\nfour"


def test_the_tail_is_the_end_of_the_output(tmp_path: Path) -> None:
    with LogCopy(tmp_path / "step.log") as copy:
        copy.feed(b"".join(b"%d\n" % number for number in range(1000)))
        copy.end()
    assert list(copy.tail) == [str(number) for number in range(1000 - TAIL_LINES, 1000)]


def test_a_log_that_cannot_be_written_is_said_and_the_lines_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []
    with caplog.at_level(logging.WARNING), LogCopy(tmp_path, told.append) as copy:
        copy.feed(b"one\n")
    assert told == ["one"]
    assert "cannot be written" in caplog.text
