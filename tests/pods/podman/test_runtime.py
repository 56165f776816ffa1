"""Pods on the real Podman."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pods.facts import Category
from pods.manifest import Pod, pod_manifest
from pods.podman.host import environment
from pods.podman.manifest import for_podman, to_yaml
from pods.podman.runtime import Podman
from pods.resources import Resources
from pods.runtime import Phase
from tests.network_namespaces import all_namespaces, remove_ownerless_namespaces
from tests.pods.runners import kill, start_runner
from tests.pods.under_test import UnderTest

pytestmark = pytest.mark.containers

MakePod = Callable[..., Pod]


@pytest.fixture
def tested(on_podman: UnderTest) -> UnderTest:
    return on_podman


def inspect(kind: str, name: str) -> dict[str, Any]:
    shown = subprocess.run(["podman", kind, "inspect", name], check=True, capture_output=True, timeout=60).stdout
    parsed = json.loads(shown)
    return dict(parsed[0] if isinstance(parsed, list) else parsed)


def exists(kind: str, name: str) -> bool:
    return subprocess.run(["podman", kind, "exists", name], check=False, timeout=60).returncode == 0


def is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return not stat.rpartition(") ")[2].startswith("Z")


def test_ctrl_c_ends_the_runner_and_its_children_at_once(
    podman: Podman, pod: MakePod, tested: UnderTest, tmp_path: Path
) -> None:
    step = pod("echo started; sleep 60")
    began = time.monotonic()
    kill(start_runner(step, tested, tmp_path / "log"), signal.SIGINT)
    assert time.monotonic() - began < 10
    commands = [file.read_bytes().split(b"\0") for file in Path("/proc").glob("[0-9]*/cmdline") if readable(file)]
    assert not [words for words in commands if words[0] == b"podman" and f"{step.name}-step".encode() in words]
    outcome = podman.outcome(step.name)
    assert outcome is not None
    assert outcome.phase is Phase.RUNNING


def readable(file: Path) -> bool:
    try:
        return bool(file.read_bytes())
    except OSError:
        return False


def test_a_pod_that_was_created_but_never_started_is_created_again(
    podman: Podman, pod: MakePod, state_dir: Path, tmp_path: Path
) -> None:
    step = pod("echo ran")
    subprocess.run(
        ["podman", "kube", "play", "--start=false", "-"],
        input=to_yaml(for_podman(pod_manifest(step), scratch=state_dir)).encode(),
        env=environment(state_dir),
        check=True,
        capture_output=True,
        timeout=60,
    )
    assert podman.outcome(step.name) is None
    outcome = podman.run(step, log=tmp_path / "log")
    assert outcome.log_tail == ["ran"]


@pytest.fixture
def removed_namespaces() -> Iterator[None]:
    """Network namespaces that a killed Podman leaves are removed after the test: nothing else ever does that."""
    before = all_namespaces()
    yield
    remove_ownerless_namespaces(before)


@pytest.mark.usefixtures("removed_namespaces")
@pytest.mark.parametrize("after", [0.03, 0.1, 0.2])
def test_a_creation_that_was_killed_is_made_good(
    podman: Podman, pod: MakePod, state_dir: Path, tmp_path: Path, after: float
) -> None:
    step = pod("echo ran; sleep 1")
    with subprocess.Popen(
        ["podman", "kube", "play", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(state_dir),
    ) as creation:
        assert creation.stdin is not None
        creation.stdin.write(to_yaml(for_podman(pod_manifest(step), scratch=state_dir)).encode())
        creation.stdin.close()
        time.sleep(after)
        os.kill(creation.pid, signal.SIGKILL)
    outcome = podman.run(step, log=tmp_path / "log")
    assert outcome.phase is Phase.SUCCEEDED
    assert outcome.log_tail == ["ran"]


def test_a_pod_that_does_not_end_itself_is_ended_by_its_runner(
    podman: Podman, pod: MakePod, tested: UnderTest, tmp_path: Path
) -> None:
    step = pod("echo started; sleep 300", deadline=timedelta(seconds=3))
    kill(start_runner(step, tested, tmp_path / "log"))
    # The pod's own clock stands still.
    os.kill(inspect("container", f"{step.name}-step")["State"]["Pid"], signal.SIGSTOP)
    assert podman.run(step, log=tmp_path / "log").category is Category.DEADLINE


def test_a_step_that_is_killed_from_outside(podman: Podman, pod: MakePod, tested: UnderTest, tmp_path: Path) -> None:
    step = pod("echo started; sleep 60")
    kill(start_runner(step, tested, tmp_path / "log"))
    subprocess.run(["podman", "kill", f"{step.name}-step"], check=True, capture_output=True, timeout=60)
    outcome = podman.run(step, log=tmp_path / "log")
    assert outcome.category is Category.KILLED
    assert outcome.transient


def test_a_step_that_lost_its_supervisor_counts_as_killed(
    podman: Podman, pod: MakePod, job: str, tested: UnderTest, tmp_path: Path
) -> None:
    step = pod("echo started; sleep 60")
    runner = start_runner(step, tested, tmp_path / "log")
    state = inspect("container", f"{step.name}-step")["State"]
    os.kill(state["ConmonPid"], signal.SIGKILL)
    assert runner.wait(30) == 0
    kill(runner)
    outcome = podman.run(step, log=tmp_path / "log")
    assert outcome.category is Category.KILLED
    assert outcome.log_tail == ["started"]
    until = time.monotonic() + 10
    while is_alive(state["Pid"]):
        assert time.monotonic() < until
        time.sleep(0.1)
    began = time.monotonic()
    assert podman.remove(job) == [step.name]
    assert time.monotonic() - began < 30


def test_pods_and_claims_carry_their_jobs_label(
    podman: Podman, pod: MakePod, job: str, claim: str, tmp_path: Path
) -> None:
    step = pod("true", claim=claim)
    podman.run(step, log=tmp_path / "log")
    assert inspect("pod", step.name)["Labels"]["ims/job-id"] == job
    assert inspect("volume", claim)["Labels"]["ims/job-id"] == job
    assert timedelta(0) < datetime.now(UTC) - podman.jobs()[job] < timedelta(minutes=5)


SHOW_CPU_LIMIT = """\
for file in /sys/fs/cgroup/cpu.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us; do [ -r $file ] && cat $file; done
timeout 2 sh -c 'while :; do :; done'
for file in /sys/fs/cgroup/cpu.stat /sys/fs/cgroup/cpu/cpu.stat; do [ -r $file ] && cat $file; done
true
"""


@pytest.mark.parametrize("privileged", [False, True], ids=["confined", "privileged"])
def test_a_limit_of_processors_holds_and_is_seen_in_the_pod(
    podman: Podman, pod: MakePod, tmp_path: Path, privileged: bool
) -> None:
    step = pod(SHOW_CPU_LIMIT, resources=Resources(cpu_request="100m", cpu_limit="100m"), privileged=privileged)
    said = podman.run(step, log=tmp_path / "log").log_tail
    assert said[0] in {"10000", "10000 100000"}
    told = dict(line.split() for line in said[1:])
    assert int(told["nr_throttled"]) > 0, told


def test_requests_alone_limit_nothing(podman: Podman, pod: MakePod, job: str, tmp_path: Path) -> None:
    step = pod(SHOW_CPU_LIMIT, resources=Resources(cpu_request="250m", storage_request="1Ti", storage_limit="2Ti"))
    said = podman.run(step, log=tmp_path / "log").log_tail
    assert said[0] in {"-1", "max 100000"}
    assert inspect("container", f"{step.name}-step")["HostConfig"]["CpuQuota"] == 0


def test_a_host_that_takes_no_limit_of_processors_runs_pods_and_says_so_once(
    podman: Podman, pod: MakePod, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Podman leaves out what the kernel was built without: CONFIG_CFS_BANDWIDTH here."""
    real = shutil.which("podman")
    stand_in = tmp_path / "bin" / "podman"
    stand_in.parent.mkdir()
    stand_in.write_text(
        "#!/bin/sh\n"
        f"""case "$*" in "kube play"*) sed '/"cpu": /d' | {real} "$@" ;; *) exec {real} "$@" ;; esac\n"""
    )
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", f"{stand_in.parent}:{os.environ['PATH']}")
    for step in ("first", "second"):
        ended = podman.run(pod("true", step=step, resources=Resources(cpu_limit="500m")), log=tmp_path / "log")
        assert ended.phase is Phase.SUCCEEDED
    assert [record.message for record in caplog.records if record.name == "pods.podman.runtime"] == [
        "this host's cgroups take no limits on processors: pods run without IMS_POD_CPU_LIMIT"
    ]
