"""Every program of builder/programs that is started without its input: a message, and no traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from builder.contract.exit_codes import FAILED
from builder.contract.lines import last_words
from tests.repository import REPOSITORY

PROGRAMS = sorted(file.stem for file in (REPOSITORY / "builder/programs").glob("*.py") if file.stem != "__init__")


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_without_its_input_names_the_variable(program: str, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", f"builder.programs.{program}"],
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"], "IMS_WORKSPACE": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    words = last_words(ran.stdout.splitlines())
    assert (ran.returncode, words.error.startswith("the environment variable IMS_")) == (FAILED, True), ran.stdout
    assert words.error.endswith(" is not set")
    assert "(IMS_BUILDER_IMAGE)" in words.advice
    assert "Traceback" not in ran.stdout
    assert [entry.name for entry in tmp_path.iterdir() if entry.name != "lease"] == []
