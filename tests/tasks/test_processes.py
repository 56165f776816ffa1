"""tasks/processes.py: a process is gone only when it certainly is."""

import os
import subprocess
import sys

from tasks.processes import is_gone, own_process
from tests.repository import REPOSITORY

SAY_NAME = "from tasks.processes import own_process; print(own_process(), flush=True); input()"


def test_this_process_is_there() -> None:
    assert not is_gone(own_process())


def test_a_killed_process_is_gone_also_before_its_parent_has_noticed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SAY_NAME], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        assert not is_gone(name)
        process.kill()
        # A zombie from then on, until it is waited for.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert is_gone(name)
    assert is_gone(name)


def test_another_process_of_the_same_id_is_not_taken_for_it() -> None:
    neighbourhood, process_id, start = own_process().rsplit(" ", 2)
    assert is_gone(f"{neighbourhood} {process_id} {int(start) - 1}")


def test_a_process_of_another_host_or_container_is_never_known_to_be_gone() -> None:
    boot, namespace, process_id, start = own_process().split(" ")
    assert not is_gone(f"another-boot {namespace} {process_id} {int(start) - 1}")
    assert not is_gone(f"{boot} pid:[1] {process_id} {int(start) - 1}")
