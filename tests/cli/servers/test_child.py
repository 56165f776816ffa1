"""Programs that run beside us and end with us."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from cli.servers.child import Child
from errors import Broken, LimitReached


def child(program: str, tmp_path: Path) -> Child:
    command = [sys.executable, "-u", "-c", program]
    return Child("the program", command, env=dict(os.environ), log=tmp_path / "program.log")


def wait_for_line(log: Path, line: str) -> None:
    end = time.monotonic() + 20
    while line not in log.read_text():
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.02)


def test_a_program_that_ends_is_told_with_its_last_words(tmp_path: Path) -> None:
    program = child("print('one'); print('the reason'); raise SystemExit(3)", tmp_path)
    program.start()
    with pytest.raises(Broken, match=r"(?s)the program ended with exit code 3.*the reason"):
        program.wait(timedelta(seconds=20))
    with pytest.raises(Broken, match="exit code 3"):
        program.check()


def test_a_program_that_does_not_end_reaches_its_limit(tmp_path: Path) -> None:
    program = child("import time; time.sleep(60)", tmp_path)
    program.start()
    with pytest.raises(LimitReached, match="the program did not end"):
        program.wait(timedelta(seconds=0.2))
    program.kill()
    assert not program.is_running


def test_stop_lets_a_program_clean_up(tmp_path: Path) -> None:
    program = child(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('clean'), sys.exit(0)))\n"
        "print('ready'); time.sleep(60)",
        tmp_path,
    )
    program.start()
    wait_for_line(program.log, "ready")
    program.stop(timedelta(seconds=20))
    assert program.last_lines()[-1] == "clean"


def test_stop_ends_a_program_that_ignores_it_and_what_that_started(tmp_path: Path) -> None:
    program = child(
        "import signal, subprocess, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('started', subprocess.Popen(['sleep', '60']).pid); time.sleep(60)",
        tmp_path,
    )
    program.start()
    wait_for_line(program.log, "started")
    grandchild = int(program.last_lines()[-1].split()[1])
    program.stop(timedelta(seconds=0.3))
    assert not program.is_running
    wait_for_end(grandchild)


def test_a_program_is_in_a_session_of_its_own(tmp_path: Path) -> None:
    program = child("import os; print('session', os.getsid(0) == os.getpid())", tmp_path)
    program.start()
    program.wait(timedelta(seconds=20))
    assert program.last_lines() == ["session True"]


def test_a_program_dies_with_whoever_started_it(tmp_path: Path) -> None:
    """Also by SIGKILL, which lets nobody clean up."""
    log = tmp_path / "program.log"
    starter = (
        "import os, sys, time; from pathlib import Path; from cli.servers.child import Child\n"
        "program = [sys.executable, '-u', '-c', 'import os, time; print(os.getpid()); time.sleep(60)']\n"
        f"Child('it', program, env=dict(os.environ), log=Path({str(log)!r})).start(); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", starter])
    end = time.monotonic() + 20
    while not log.exists() or not log.read_text().endswith("\n"):
        assert time.monotonic() < end
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_for_end(int(log.read_text()))


def test_the_log_of_the_start_before_is_kept(tmp_path: Path) -> None:
    for words in ("first", "second"):
        program = child(f"print('{words}')", tmp_path)
        program.start()
        program.wait(timedelta(seconds=20))
    assert (tmp_path / "program.log").read_text() == "second\n"
    assert (tmp_path / "program.log.1").read_text() == "first\n"


def wait_for_end(pid: int) -> None:
    end = time.monotonic() + 5
    while is_alive(pid):
        assert time.monotonic() < end
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and that nobody has asked after does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
