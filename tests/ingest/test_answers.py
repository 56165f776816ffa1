"""ingest/__main__.py: whatever a program does, its answer is a value, a refusal or words for a defect."""

import errno
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yaml import YAMLError

from errors import BadInput
from ingest.__main__ import answer_of
from ingest.jail import TimeLimit
from ingest.limits import Limits

LIMITS = Limits(bytes=7, entries=1, memory_bytes=5, seconds=3)


def answer(error: BaseException) -> dict[str, Any]:
    def run(limits: Limits) -> None:
        assert limits is LIMITS
        raise error

    said = json.loads(answer_of(run, {}, LIMITS))
    assert isinstance(said, dict)
    return said


REFUSED = {
    "refused": (BadInput("no\n", resolution="do"), "no\\n"),
    "memory": (MemoryError(), "more memory than the limit of 5 bytes"),
    "time": (TimeLimit(), "more time than the limit of 3 seconds"),
    "file": (OSError(errno.EFBIG, "x"), "a file bigger than the limit of 7 bytes"),
    "depth": (RecursionError(), "nested too deeply"),
}


@pytest.mark.parametrize(("error", "message"), REFUSED.values(), ids=REFUSED)
def test_a_limit_is_a_refusal(error: BaseException, message: str) -> None:
    assert message in answer(error)["refused"][0]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_full_disk_is_no_fault_of_the_input(number: int) -> None:
    assert "no_room" in answer(OSError(number, "words"))


ERRORS = [
    ValueError,
    KeyError,
    TypeError,
    PermissionError,
    YAMLError,
    OverflowError,
    AssertionError,
]


@given(st.sampled_from(ERRORS), st.text())
def test_any_other_exception_is_put_into_one_printable_line(kind: type[Exception], text: str) -> None:
    what, trace = answer(kind(text))["failed"]
    assert what.startswith(f"{kind.__name__}: ")
    assert what.isprintable()
    assert "Traceback" in trace


def test_a_value_that_is_no_json_is_a_defect() -> None:
    assert "TypeError" in json.loads(answer_of(lambda limits: {limits}, {}, LIMITS))["failed"][0]
    assert json.loads(answer_of(lambda limits: limits.bytes, {}, LIMITS)) == {"value": 7}
