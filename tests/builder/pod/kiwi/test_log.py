"""Tests of builder/pod/kiwi/log.py."""

import time
from pathlib import Path

import pytest

from builder.pod.kiwi.credentials import Credentials, Mask
from builder.pod.kiwi.log import KiwiLog

PASSWORD = "s3cr3t" * 10
MASK = Mask([Credentials("https://h/", "u", PASSWORD)])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "kiwi.log"


def after(*lines: str) -> KiwiLog:
    log = KiwiLog(MASK)
    for line in lines:
        log(line)
    return log


def test_the_error_is_what_kiwi_says_last_with_the_lines_that_belong_to_it() -> None:
    log = after(
        "[ INFO    ]: 10:00:00 | fine", f"[ ERROR   ]: 10:00:00 | KiwiX: {PASSWORD}", "more:", "[ INFO    ]: 1 | end"
    )
    assert log.error == "KiwiX: *** more"


def test_a_password_of_a_letter_hides_no_error() -> None:
    log = KiwiLog(Mask([Credentials("https://h/", "u", "R")]))
    log("[ ERROR   ]: 10:00:00 | KiwiX: it failed")
    assert log.error == "KiwiX: it failed"


def test_a_giant_error_is_shown_by_its_beginning_and_its_end() -> None:
    error = after("[ ERROR   ]: 10:00:00 | KiwiX: begins", *["x" * 1000] * 1000, "ends").error
    assert error.startswith("KiwiX: begins ")
    assert error.endswith(" ends")
    assert len(error) < 1000


def test_the_end_of_the_log_is_shown_masked(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("".join(f"line {number} {PASSWORD}\n" for number in range(1000)))
    KiwiLog(MASK).show_end_of(file)
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "--- the last 150 lines of kiwi's own log"
    assert (shown[1], shown[150]) == ("line 850 ***", "line 999 ***")


@pytest.mark.parametrize("before", range(960, 1001, 10))
def test_a_password_where_a_long_line_is_cut_does_not_show_in_part(
    file: Path, capsys: pytest.CaptureFixture[str], before: int
) -> None:
    file.write_text("x" * before + PASSWORD + "y" * 1000)
    KiwiLog(MASK).show_end_of(file)
    assert "s3c" not in capsys.readouterr().out


def test_a_log_that_is_not_there_has_no_cause_and_shows_nothing(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = KiwiLog(MASK)
    log.show_end_of(file)
    assert log.cause(file) is None
    assert capsys.readouterr().out == ""


MISSING = "No match for argument: no-such-package\n"


def test_the_cause_is_found_in_the_log_file(file: Path) -> None:
    file.write_text(MISSING)
    cause = after("[ ERROR   ]: 1 | KiwiInstallPhaseFailed: it failed").cause(file)
    assert cause is not None
    assert "no-such-package" in cause.what


def test_what_a_package_manager_said_before_is_not_the_cause_of_a_script_that_failed(file: Path) -> None:
    file.write_text(MISSING)
    assert after("[ ERROR   ]: 1 | KiwiScriptFailed: config.sh failed: no licence").cause(file) is None


@pytest.mark.parametrize("character", ["x", "[", "(", "https://", "[a|b] Valid metadata not found "])
def test_giant_lines_do_not_hold_up_the_search_for_a_cause(file: Path, character: str) -> None:
    file.write_text(((character * 5000)[:5000] + "\n") * 40 + MISSING)
    began = time.monotonic()
    after("[ ERROR   ]: 1 | KiwiX").cause(file)
    assert time.monotonic() - began < 20
