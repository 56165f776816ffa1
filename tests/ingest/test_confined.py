"""The limits of the child, and what the caller gets when the child reaches them."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from errors import BadInput, ImsError, Interrupted
from ingest.confined import run_confined
from ingest.limits import Limits
from ingest.recipe import render_recipe, unpack_recipe
from tests.ingest.archives import DESCRIPTION, END, config, file, folder
from tests.ingest.reading import read_description

T = TypeVar("T")
ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"


@pytest.fixture
def endless(recipe: Path) -> Path:
    """A recipe whose template never ends."""
    recipe.mkdir(parents=True)
    (recipe / ".ims_recipe_template.yaml").write_text("template_files: [config.sh]")
    (recipe / "config.sh").write_text(ENDLESS)
    return recipe


def children(process: int) -> list[int]:
    """Ids of a process's children, of any of its threads."""
    found = []
    for task in Path(f"/proc/{process}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def eventually(condition: Callable[[], T], seconds: float = 10) -> T:
    """What a condition becomes within some seconds."""
    deadline = time.monotonic() + seconds
    while not (outcome := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return outcome


def in_program(process: int) -> bool:
    """Whether a child is past its start: confined, so that it may not make core files nor open many files."""
    limits = Path(f"/proc/{process}/limits").read_text()
    return any(line.startswith("Max open files") and " 64 " in line for line in limits.splitlines())


@contextlib.contextmanager
def rendering(folder: Path, limits: Limits) -> Iterator[tuple[int, list[BaseException]]]:
    """Render in a thread; yields the child's process id and where the error will be."""
    before = set(children(os.getpid()))
    errors: list[BaseException] = []

    def render() -> None:
        try:
            render_recipe(folder, {"a": "b"}, limits)
        except ImsError as error:
            errors.append(error)

    thread = threading.Thread(target=render)
    thread.start()
    try:
        (child,) = eventually(lambda: set(children(os.getpid())) - before)
        assert eventually(lambda: in_program(child))
        yield child, errors
    finally:
        thread.join(30)
        still_there = thread.is_alive()
        if still_there:
            os.kill(child, signal.SIGKILL)
            thread.join()
    assert not still_there
    assert not Path(f"/proc/{child}").exists()


@pytest.mark.by_both
def test_the_child_gets_no_environment_and_a_process_group_of_its_own(endless: Path, limits: Limits) -> None:
    with rendering(endless, replace(limits, seconds=2)) as (child, errors):
        assert Path(f"/proc/{child}/environ").read_bytes() == b""
        assert os.getpgid(child) == child
        assert os.getsid(child) == child
        assert Path(f"/proc/{child}/cwd").readlink() == Path("/")
    assert "more time than the limit of 2 seconds" in str(errors[0])


@pytest.mark.by_both
def test_a_child_that_does_not_react_is_killed(endless: Path, limits: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.limits._WALL_FACTOR", 1)
    monkeypatch.setattr("ingest.confined.GRACE_SECONDS", 1)
    with rendering(endless, replace(limits, seconds=1)) as (child, errors):
        os.kill(child, signal.SIGSTOP)
    assert isinstance(errors[0], Interrupted)
    assert "'render' did not end within 1 seconds, and did not use its limit of 1 seconds" in str(errors[0])


@pytest.mark.by_both
def test_a_child_that_is_killed_from_outside_is_no_refusal(endless: Path, limits: Limits) -> None:
    with rendering(endless, limits) as (child, errors):
        os.kill(child, signal.SIGKILL)
    assert isinstance(errors[0], Interrupted)
    assert "was killed by SIGKILL without an answer" in str(errors[0])


@pytest.mark.by_both
def test_a_defect_is_no_refusal_and_its_traceback_is_in_the_log(
    tmp_path: Path, limits: Limits, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ImsError, match="'unpack' failed on this input: FileNotFoundError") as caught:
        unpack_recipe(tmp_path / "nothing", tmp_path / "recipe", limits)
    assert not isinstance(caught.value, BadInput)
    assert caught.value.message.isprintable()
    assert "Traceback" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_program_is_a_defect(limits: Limits) -> None:
    with pytest.raises(ImsError, match="KeyError: 'format-disk'"):
        run_confined("format-disk", {}, limits)


@pytest.mark.by_both
def test_an_interrupted_caller_leaves_no_child_and_no_folder(tmp_path: Path) -> None:
    """SIGINT in the caller raises KeyboardInterrupt while it waits."""
    script = tmp_path / "caller.py"
    script.write_text(CALLER)
    (tmp_path / "packed").write_bytes(slow_archive())
    caller = subprocess.Popen([sys.executable, script, tmp_path], stderr=subprocess.PIPE)
    with caller:
        (child,) = eventually(lambda: children(caller.pid))
        assert eventually(lambda: in_program(child))
        caller.send_signal(signal.SIGINT)
        assert caller.stderr is not None
        assert b"KeyboardInterrupt" in caller.stderr.read()
    assert not Path(f"/proc/{child}").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["caller.py", "packed"]


@pytest.mark.by_both
def test_the_child_dies_with_its_parent(tmp_path: Path) -> None:
    script = tmp_path / "caller.py"
    script.write_text(CALLER)
    (tmp_path / "packed").write_bytes(slow_archive())
    with subprocess.Popen([sys.executable, script, tmp_path]) as caller:
        (child,) = eventually(lambda: children(caller.pid))
        assert eventually(lambda: in_program(child))
        caller.kill()
    assert eventually(lambda: ended(child))
    assert not (tmp_path / "recipe").exists()


def ended(process: int) -> bool:
    """Whether a process is gone, or a zombie that is not reaped yet."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


CALLER = """
import sys
from pathlib import Path
from ingest.limits import Limits
from ingest.recipe import unpack_recipe
folder = Path(sys.argv[1])
limits = Limits(bytes=1 << 30, entries=10**6, memory_bytes=1 << 30, seconds=60)
unpack_recipe(folder / "packed", folder / "recipe", limits)
"""


def slow_archive() -> bytes:
    """An archive that takes many seconds to check."""
    return config() + b"".join(file(f"{number}") for number in range(60_000)) + END


PROBE = """
import errno, json, os, resource, socket, sys, time
from ingest.jail import confine, TimeLimit
from ingest.limits import Limits
said = {}
confine(Limits(bytes=1000, entries=1, memory_bytes=64 << 20, seconds=1), os.getppid())
def attempt(name, what):
    try:
        said[name] = what()
    except OSError as error:
        said[name] = errno.errorcode[error.errno]
    except BaseException as error:
        said[name] = type(error).__name__
def many():
    kept = [open("/dev/null") for _ in range(100)]
def big():
    with open(sys.argv[1], "wb") as file:
        file.write(bytes(5000))
def connect():
    with socket.create_connection(("127.0.0.1", int(sys.argv[2])), timeout=5):
        return "connected"
attempt("memory", lambda: len(bytes(100 << 20)))
attempt("files", many)
attempt("size", big)
attempt("network", connect)
attempt("core", lambda: resource.getrlimit(resource.RLIMIT_CORE)[1])
attempt("processes", lambda: resource.getrlimit(resource.RLIMIT_NPROC)[1])
attempt("privileges", lambda: "NoNewPrivs:\\t1" in open("/proc/self/status").read())
def busy():
    while True:
        pass
attempt("waiting", lambda: time.sleep(1.5))
attempt("time", busy)
print(json.dumps(said))
"""


@pytest.fixture
def found(tmp_path: Path) -> dict[str, object]:
    """What a confined process finds when it tries to pass its limits, beside a server that listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [sys.executable, "-c", PROBE, str(tmp_path / "big"), str(server.getsockname()[1])]
        output = subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
    said = json.loads(output)
    assert isinstance(said, dict)
    return said


@pytest.mark.by_both
def test_a_confined_process_runs_into_its_limits(found: dict[str, object]) -> None:
    network = found.pop("network")
    assert found == {
        "memory": "MemoryError",
        "files": "EMFILE",
        "size": "EFBIG",
        "core": 0,
        "processes": 0,
        "privileges": True,
        "waiting": None,
        "time": "TimeLimit",
    }
    assert network in {"ENETUNREACH", "connected"}


def may_unshare() -> bool:
    """Whether this user may unshare the network on this host."""
    return subprocess.run(["unshare", "--net", "true"], check=False, capture_output=True).returncode == 0


@pytest.mark.skipif(not may_unshare(), reason="this host lets no process leave the network")
def test_a_confined_process_has_no_network(found: dict[str, object]) -> None:
    assert found["network"] == "ENETUNREACH"


@pytest.mark.by_both
def test_a_small_recipe_goes_through_in_a_second_of_processor_time(tmp_path: Path, limits: Limits) -> None:
    (tmp_path / "packed").write_bytes(
        file("config.xml", DESCRIPTION)
        + file(".ims_recipe_template.yaml", b"template_files: [config.sh]")
        + file("config.sh", b"{{ a }}")
        + folder("root")
        + END
    )
    took = []
    for attempt in range(3):
        recipe = tmp_path / f"recipe{attempt}"
        start = processor_seconds()
        unpack_recipe(tmp_path / "packed", recipe, limits)
        render_recipe(recipe, {"a": "b"}, limits)
        read_description(recipe, limits)
        took.append(processor_seconds() - start)
    # The least processor time: elapsed time depends on how busy the host is.
    assert min(took) < 1


def processor_seconds() -> float:
    """What this process and its ended children have used so far."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
