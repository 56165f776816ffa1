"""What an error looks like, and which exit code it means."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from cli.failures import report
from errors import (
    BadInput,
    Broken,
    Conflict,
    Corrupt,
    Denied,
    ImsError,
    Interrupted,
    LimitReached,
    NotFound,
    Unreachable,
)
from storage.models.records import NewRecipe
from tests.cli.conftest import clean_environment

CODES = [
    (BadInput, "Bad input", 2),
    (NotFound, "Not found", 2),
    (Conflict, "Conflict", 2),
    (Denied, "Denied", 1),
    (Unreachable, "Unreachable", 1),
    (Interrupted, "Interrupted", 1),
    (Corrupt, "Corrupt", 1),
    (LimitReached, "Limit reached", 1),
    (Broken, "Broken", 1),
]


@pytest.mark.parametrize(("kind", "words", "code"), CODES, ids=[kind.__name__ for kind, _, _ in CODES])
def test_each_error_has_its_title_and_exit_code(
    kind: type[ImsError], words: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(kind("the thing is so", resolution="do this")) == code
    printed = capsys.readouterr()
    assert printed.err == f"Error: {words}: the thing is so\n  → do this\n"
    assert printed.out == ""


def test_an_error_without_a_resolution_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    report(NotFound("no such recipe"))
    assert capsys.readouterr().err == "Error: Not found: no such recipe\n"


def test_refused_fields_are_one_readable_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValidationError) as refused:
        NewRecipe.model_validate({"name": " ", "linux_distribution": "debian12", "arch": "sparc"})
    assert report(refused.value) == 2
    assert capsys.readouterr().err.splitlines() == [
        "Error: Bad input: name: must not be empty",
        "Error: Bad input: arch: Input should be 'x86_64' or 'aarch64'",
    ]


def test_a_defect_shows_no_traceback_and_keeps_it_in_a_file(tmp_path: Path) -> None:
    program = "import sys; from cli import failures; sys.excepthook = failures.report_defect; {}['missing']"
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env=clean_environment(TMPDIR=str(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("Error: Defect: KeyError: 'missing'\n")
    assert "Traceback" not in ended.stderr
    (file,) = tmp_path.glob("ims-defect-*.log")
    assert str(file) in ended.stderr
    assert "Traceback" in file.read_text()
