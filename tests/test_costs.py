"""The processor seconds of a file of tests are those of its process and of all that it has started."""

import os
import subprocess
import sys

import pytest

from tests.costs import Costs, processor_seconds

BUSY = "import time\nwhile time.process_time() < 0.3: pass"
# A child that has ended, and one that goes on.
BOTH = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BUSY!r}]); print(flush=True); sys.stdin.read()"


def test_descendants_count_whether_they_have_ended_or_not() -> None:
    before = processor_seconds(os.getpid())
    with subprocess.Popen([sys.executable, "-c", BOTH], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout
        child.stdout.readline()
        assert processor_seconds(os.getpid()) - before >= 0.3


def test_each_file_has_what_was_used_while_it_ran(monkeypatch: pytest.MonkeyPatch) -> None:
    used = iter([2.0, 5.0, 4.0])
    monkeypatch.setattr("tests.costs.processor_seconds", lambda _: next(used))
    costs = Costs()
    for file in ("a", "a", "b"):
        costs.begin(file)
    costs.count()
    assert {file: costs.seconds[file] for file in ("a", "b")} == {"a": 3.0, "b": 0.0}
