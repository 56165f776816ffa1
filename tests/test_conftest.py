"""The tests themselves, started as a script starts what it does not wait for."""

import gc
import subprocess
import sys

import pytest

from tests.repository import REPOSITORY

INTERRUPTING = ("tests/cli/test_interrupts.py", "tests/ingest/test_confined.py")


@pytest.mark.slow
def test_tests_that_interrupt_pass_in_a_run_that_began_with_interrupts_ignored() -> None:
    """bash and dash have SIGINT ignored in what a script starts with `&`."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "interrupt", *INTERRUPTING]
    ran = subprocess.run(
        ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    assert " passed" in ran.stdout


def test_garbage_is_collected_again_when_the_tests_run() -> None:
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0
