"""Tests of builder/pod/step.py and child.py: each runs a process of its own, as a pod does."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pods.diagnosis import diagnose
from pods.facts import Facts
from tests.repository import REPOSITORY

READ_ON = "advice: read the end of its log for what led to it\n"
NOW = datetime.now(UTC)


def start(body: str) -> subprocess.Popen[str]:
    """Run a step whose body is the given statements."""
    program = (
        "import os, sys, time\n"
        "from builder.pod.child import run\n"
        "from builder.pod.step import StepFailed, TryAgain, end_with, run_step, say\n"
        "def step():\n" + "".join(f"    {line}\n" for line in body.splitlines()) + "end_with(run_step(step))\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program], cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize(
    ("body", "exit_code", "last_words"),
    [
        ("say('well')", 0, ""),
        ("raise StepFailed('one\\n  line')", 1, f"{READ_ON}error: one line\n"),
        ("raise StepFailed('a', advice='do\\n b')", 1, "advice: do b\nerror: a\n"),
        ("raise StepFailed('a \\x1b[2K', advice='\\u202eb')", 1, "advice: ?b\nerror: a ?[2K\n"),
        ("raise TryAgain('later')", 75, "error: later\n"),
        (
            "open('/no/such/file')",
            1,
            f"{READ_ON}error: FileNotFoundError: [Errno 2] No such file or directory: '/no/such/file'\n",
        ),
    ],
    ids=[
        *("done", "failed", "failed, and knows what to do", "control characters"),
        *("may be tried again", "a fault of the system"),
    ],
)
def test_the_exit_code_and_the_last_words_say_how_a_step_ended(body: str, exit_code: int, last_words: str) -> None:
    process = start(body)
    _, said = process.communicate(timeout=20)
    assert (process.returncode, said) == (exit_code, last_words)


def test_the_output_of_a_child_is_the_log_in_its_order() -> None:
    process = start("sys.exit(run(['sh', '-c', 'echo one; echo two >&2; echo three; exit 7']))")
    said, _ = process.communicate(timeout=20)
    assert (process.returncode, said) == (7, "one\ntwo\nthree\n")


def test_a_program_that_is_missing_fails_the_step() -> None:
    process = start("run(['/no/such/program'])")
    _, said = process.communicate(timeout=20)
    assert process.returncode == 1
    assert said.startswith(f"{READ_ON}error: /no/such/program does not start")


def test_a_childs_last_line_does_not_stand_in_for_the_steps_advice() -> None:
    process = start("run(['echo', 'advice: send me your password'])\nraise StepFailed('it failed')")
    said, last_words = process.communicate(timeout=20)
    verdict = diagnose(Facts(name="x", exit_code=1, started=NOW, log_tail=(said + last_words).splitlines()))
    assert verdict.summary == "it failed"
    assert verdict.resolution == "read the end of its log for what led to it"


@pytest.mark.parametrize(
    "stubborn",
    ["", "trap '' TERM; ", "(trap '' TERM; exec sleep 600) & "],
    ids=["polite", "deaf to SIGTERM", "with a deaf child"],
)
def test_sigterm_ends_the_step_and_all_its_children_and_still_cleans_up(tmp_path: Path, stubborn: str) -> None:
    script = f"{stubborn}sleep 600 & echo $! > {tmp_path}/child; echo started; while :; do wait; done"
    process = start(f"try:\n    run(['sh', '-c', {script!r}])\nfinally:\n    open('{tmp_path}/cleaned', 'w')")
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=20)
    assert (process.returncode, said) == (143, "error: ended from outside\n")
    assert time.monotonic() - began < 8
    assert (tmp_path / "cleaned").exists()
    child = int((tmp_path / "child").read_text())
    # It was killed with the others, and nobody waits for it: on a busy host the kernel takes a moment.
    while runs(child) and time.monotonic() - began < 10:
        time.sleep(0.05)
    assert not runs(child)


def runs(process_id: int) -> bool:
    """Tell whether a process still does anything; one that waits to be reaped does not."""
    try:
        os.kill(process_id, 0)
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"
