"""Tests of builder/pod/lease.py: each holder is a process of its own, as in a pod.

Another node is a process that has another kernel's id, and whose storage has no locks.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from builder.pod.lease import FILE, LOSS, Holder, Lease, held
from builder.pod.step import TryAgain
from tests.repository import REPOSITORY

PROGRAMS = [*REPOSITORY.glob("builder/programs/*.py"), *REPOSITORY.glob("builder/pod/**/*.py")]
# What takes no lease, and why.
WITHOUT_LEASE = {
    "ca_rpm": "its pod has a workspace of its own",
    "lazy_server": "a child of the shell's program, which holds the lease",
    "repository_file": "called by kiwi for each repository file, under the program that holds the lease",
    "overlay": "called by kiwi before it copies an overlay, under the program that holds the lease",
    "recipe_scripts": "called by kiwi for each script of a recipe, under the program that holds the lease",
    "unsynced": "becomes the program that it is told to run, under the program that holds the lease",
    "first_process": "a child of the script's program, which holds the lease",
}
PROLOGUE = """\
import errno, fcntl, os, subprocess, sys, time
from pathlib import Path
from builder.pod import lease
from builder.pod.step import end_with
lease.BEAT_SECONDS, lease.STALE_SECONDS, lease.PATIENCE_SECONDS = 0.1, 1.5, 0.5
here = Path(os.environ["IMS_WORKSPACE"])
"""
ELSEWHERE = """\
def no_locks(*_):
    raise OSError(errno.ENOLCK, "no locks here")
fcntl.flock = no_locks
(here.parent / "kernel-2").write_text("another kernel")
lease._KERNEL = here.parent / "kernel-2"
"""
# Writes all the time, by itself and by a child, and says that it tidied up.
WORKS = """\
def step():
    child = subprocess.Popen(["sh", "-c", f"while sleep 0.05; do date +%s%N > {here}/child-of-$IMS_POD_NAME; done"])
    try:
        while not (here / "enough").exists():
            (here / os.environ["IMS_POD_NAME"]).write_text(str(time.time()))
            time.sleep(0.02)
    finally:
        (here / f"tidied-by-{os.environ['IMS_POD_NAME']}").touch()
        child.kill()
end_with(lease.run_in_workspace(step))
"""
ENDS = "end_with(lease.run_in_workspace(lambda: (here / os.environ['IMS_POD_NAME']).touch()))\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


@contextmanager
def pod(name: str, workspace: Path, body: str, *, elsewhere: bool = False) -> Iterator[subprocess.Popen[str]]:
    """Run a step as a pod of this name does."""
    program = PROLOGUE + (ELSEWHERE if elsewhere else "") + body
    environment = {**os.environ, "IMS_WORKSPACE": str(workspace), "IMS_POD_UID": f"uid-{name}", "IMS_POD_NAME": name}
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def ending(process: subprocess.Popen[str]) -> tuple[int, str]:
    said, _ = process.communicate(timeout=30)
    return process.returncode, said


def wait_for(file: Path) -> None:
    end = time.monotonic() + 20
    while not file.exists():
        assert time.monotonic() < end, file
        time.sleep(0.01)


def holder(workspace: Path) -> str:
    descriptor = os.open(workspace / FILE, os.O_RDWR)
    try:
        return Lease(descriptor).holder().pod
    finally:
        os.close(descriptor)


def test_every_program_of_a_pod_takes_the_lease() -> None:
    programs = {file.stem: file.read_text() for file in PROGRAMS if "__main__" in file.read_text()}
    without = {name for name, text in programs.items() if not re.search(r"end_with\(run_in_workspace\(\w+\)\)", text)}
    assert without == set(WITHOUT_LEASE)


def test_a_workspace_is_held_while_a_step_runs_and_free_afterwards(workspace: Path) -> None:
    for term in (1, 2):
        with held(workspace, f"uid-{term}", f"pod-{term}") as mine:
            assert (mine.term, holder(workspace)) == (term, f"pod-{term}")
        assert holder(workspace) == ""


def test_a_second_pod_fails_and_touches_nothing(workspace: Path) -> None:
    with pod("first", workspace, WORKS) as first:
        wait_for(workspace / "first")
        with pod("second", workspace, ENDS) as second:
            code, said = ending(second)
        assert (code, said) == (75, "error: the workspace is held by first, which is at work: nothing was touched\n")
        assert not (workspace / "second").exists()
        (workspace / "enough").touch()
        assert ending(first)[0] == 0


def test_a_killed_pods_workspace_is_taken_at_once_on_the_same_kernel(workspace: Path) -> None:
    with pod("first", workspace, WORKS) as first:
        wait_for(workspace / "first")
        first.kill()
        first.wait()
        began = time.monotonic()
        with held(workspace, "uid-second", "second"):
            assert time.monotonic() - began < 1
            assert holder(workspace) == "second"


def test_a_pod_of_another_node_that_is_at_work_keeps_its_workspace(workspace: Path) -> None:
    with pod("first", workspace, WORKS, elsewhere=True) as first:
        wait_for(workspace / "first")
        with pod("second", workspace, ENDS) as second:
            code, said = ending(second)
        assert code == 75
        assert "held by first, which is at work" in said
        assert first.poll() is None
        assert holder(workspace) == "first"


def test_a_pod_that_was_declared_lost_wakes_up_and_touches_nothing(workspace: Path) -> None:
    with pod("first", workspace, WORKS, elsewhere=True) as first:
        wait_for(workspace / "first")
        os.killpg(first.pid, signal.SIGSTOP)
        with pod("second", workspace, WORKS) as second:
            wait_for(workspace / "second")
            (workspace / "first").unlink()
            os.killpg(first.pid, signal.SIGCONT)
            code, said = ending(first)
            assert code == 75
            assert said.splitlines()[-1] == ("error: the workspace is held by second now: this pod was taken for lost")
            assert not (workspace / "tidied-by-first").exists()
            last = (workspace / "child-of-first").read_text()
            time.sleep(0.3)
            assert (workspace / "child-of-first").read_text() == last, "its child has ended with it"
            assert second.poll() is None
            assert holder(workspace) == "second"
            assert (workspace / LOSS).read_text() == "first", "the shell tells its user"


def test_of_two_pods_that_see_one_stand_still_one_gets_the_workspace(workspace: Path) -> None:
    with pod("lost", workspace, WORKS, elsewhere=True) as lost:
        wait_for(workspace / "lost")
        os.killpg(lost.pid, signal.SIGSTOP)
        with (
            pod("second", workspace, WORKS, elsewhere=True) as second,
            pod("third", workspace, WORKS, elsewhere=True) as third,
        ):
            pods = {"second": second, "third": third}
            end = time.monotonic() + 30
            while len(left := [name for name, process in pods.items() if process.poll() is None]) > 1:
                assert time.monotonic() < end
                time.sleep(0.05)
            [name] = left
            wait_for(workspace / name)
            assert holder(workspace) == name
            assert not (workspace / ({"second", "third"} - {name}).pop()).exists()


def test_a_full_disk_does_not_end_the_holder(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], check=True)
    try:
        with held(small, "uid", "pod") as mine:
            with pytest.raises(OSError, match="No space left"):
                (small / "filler").write_bytes(b"x" * (1 << 20))
            descriptor = os.open(small / FILE, os.O_RDWR)
            before = Lease(descriptor).counter(mine.term)
            time.sleep(2.5)
            assert Lease(descriptor).counter(mine.term) != before
            os.close(descriptor)
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_damaged_file_has_no_holder(workspace: Path) -> None:
    (workspace / FILE).write_bytes(b'{"uid": "half')
    with held(workspace, "uid", "pod") as mine:
        assert mine == Holder("uid", "pod", mine.kernel, 1)


def test_a_second_lease_fails_while_another_process_holds_it(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builder.pod.lease.PATIENCE_SECONDS", 0.1)
    with held(workspace, "uid-1", "one"), pytest.raises(TryAgain, match="held by one"), held(workspace, "uid-2", "two"):
        pass
