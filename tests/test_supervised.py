"""A run of tests that is interrupted leaves nothing: no process, pod, container, mount, loop device or namespace."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.cli.running import processes_with
from tests.leftovers import RUN_VARIABLE
from tests.repository import REPOSITORY

SUPERVISED = (sys.executable, "-m", "tests.supervised")
READY = ("services", "pod", "kernel", "container")
START_SECONDS = 240
END_SECONDS = 100

Run = subprocess.Popen[bytes]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the run that is interrupted."""
    folder = tmp_path / "run"
    (folder / "ready").mkdir(parents=True)
    return folder


@pytest.fixture
def run(folder: Path) -> Iterator[Run]:
    """The run, as bin/test starts it."""
    mark = {"INTERRUPTED_RUN": str(folder / "ready")}
    options = ["-p", "no:cacheprovider", "--numprocesses", "4", "--dist", "load", f"--basetemp={folder / 'temporary'}"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.supervised",
                sys.executable,
                "-m",
                "pytest",
                *options,
                "tests/interrupted_run.py",
            ],
            cwd=REPOSITORY,
            env={**os.environ, **mark},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    yield process
    process.kill()
    process.wait()


def at_once(_: Path) -> bool:
    return True


def while_services_start(folder: Path) -> bool:
    return (folder / "ready" / "pod").exists()


def all_ready(folder: Path) -> bool:
    return all((folder / "ready" / name).exists() for name in READY)


@pytest.mark.slow
@pytest.mark.containers
@pytest.mark.timeout(2 * (START_SECONDS + END_SECONDS))
@pytest.mark.parametrize(
    ("moment", "signals"),
    [
        pytest.param(at_once, [signal.SIGINT], id="at once"),
        pytest.param(while_services_start, [signal.SIGTERM], id="while services start, by SIGTERM"),
        pytest.param(while_services_start, [signal.SIGINT, signal.SIGINT], id="while services start, twice"),
        pytest.param(all_ready, [signal.SIGINT], id="once"),
    ],
)
def test_an_interrupted_run_leaves_nothing(
    run: Run, folder: Path, moment: Callable[[Path], bool], signals: list[signal.Signals]
) -> None:
    said = folder / "log"
    ends = time.monotonic() + START_SECONDS
    time.sleep(1)
    while not moment(folder):
        assert run.poll() is None, said.read_text()
        assert time.monotonic() < ends, said.read_text()
        time.sleep(0.1)
    for number in signals:
        run.send_signal(number)
        time.sleep(0.5)
    assert run.wait(END_SECONDS) != 0
    assert left_of(folder) == [], said.read_text()


def left_of(folder: Path) -> list[str]:
    """Return what is left of the run."""
    made = [path.name for path in (folder / "ready").iterdir()]
    jobs = [name.removeprefix("job-") for name in made if name.startswith("job-")]
    objects = (("pod", "ps", "--format={{.Name}}"), ("ps", "--all", "--format={{.Names}}"), ("volume", "ls", "--quiet"))
    podman = [subprocess.run(["podman", *each], capture_output=True, text=True, check=True).stdout for each in objects]
    loops = [file.read_text() for file in Path("/sys/block").glob("loop*/loop/backing_file")]
    return [
        *(command for _, command in processes_with(f"INTERRUPTED_RUN={folder / 'ready'}")),
        *(name for names in podman for name in names.split() if any(job in name for job in jobs)),
        *(line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(folder) in line),
        *(backing for backing in loops if str(folder) in backing),
        *(name for name in made if Path("/run/netns", name).exists()),
    ]


def test_a_run_that_passes_is_told_from_one_that_fails() -> None:
    for code in (0, 3):
        command = [*SUPERVISED, sys.executable, "-c", f"raise SystemExit({code})"]
        assert subprocess.run(command, cwd=REPOSITORY, check=False).returncode == code


def test_what_a_run_leaves_behind_is_ended_and_told() -> None:
    mark = f"LEFT={uuid4()}"
    script = "setsid sleep 603 & exit 0"
    ran = subprocess.run(
        [*SUPERVISED, "env", mark, "sh", "-c", script],
        cwd=REPOSITORY,
        env={name: value for name, value in os.environ.items() if name != RUN_VARIABLE},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0
    assert "sleep 603" in ran.stderr
    assert processes_with(mark) == []
