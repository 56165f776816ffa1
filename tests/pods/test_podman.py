"""Pods on the real Podman."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from errors import Interrupted, NotFound
from pods.diagnosis import Category
from pods.manifest import Claim, Pod, pod_manifest
from pods.podman import Podman
from pods.podman_host import environment
from pods.podman_manifest import for_podman, to_yaml
from pods.runtime import Outcome, Phase

pytestmark = pytest.mark.containers

MakePod = Callable[..., Pod]
ROOT = Path(__file__).parents[2]

RUNNER = """
import sys
from pathlib import Path
from pods.manifest import Pod
from pods.podman import Podman

pod = Pod.model_validate_json(sys.argv[1])
Podman(Path(sys.argv[2])).run(pod, log=Path(sys.argv[3]), on_line=lambda line: print(line, flush=True))
"""


def start_runner(pod: Pod, state_dir: Path, log: Path) -> "subprocess.Popen[str]":
    """Run a pod in a process of its own, and return once the pod has printed its first line."""
    runner = subprocess.Popen(
        [sys.executable, "-c", RUNNER, pod.model_dump_json(), str(state_dir), str(log)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert runner.stdout is not None
    assert runner.stdout.readline() == "started\n"
    return runner


def kill(runner: "subprocess.Popen[str]", number: signal.Signals = signal.SIGKILL) -> None:
    with runner:
        runner.send_signal(number)
        runner.wait(10)


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


def wait_for_end(podman: Podman, name: str, seconds: float) -> Outcome:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        outcome = podman.outcome(name)
        if outcome and outcome.phase is not Phase.RUNNING:
            return outcome
        time.sleep(0.5)
    raise AssertionError(f"{name} did not end")


def test_a_step_that_succeeds(podman: Podman, pod: MakePod, tmp_path: Path) -> None:
    outcome = podman.run(pod("echo hello"), log=tmp_path / "log")
    assert outcome.phase is Phase.SUCCEEDED
    assert outcome.exit_code == 0
    assert outcome.log_tail == ["hello"]
    assert outcome.started is not None
    assert outcome.finished is not None


def test_a_step_that_fails_tells_its_exit_code(podman: Podman, pod: MakePod, tmp_path: Path) -> None:
    outcome = podman.run(pod("echo sorry; exit 4"), log=tmp_path / "log")
    assert (outcome.phase, outcome.exit_code, outcome.category) == (Phase.FAILED, 4, Category.STEP_FAILED)
    assert outcome.log_tail == ["sorry"]


def test_a_passing_fault_is_worth_another_try(podman: Podman, pod: MakePod, tmp_path: Path) -> None:
    outcome = podman.run(pod("exit 75"), log=tmp_path / "log")
    assert outcome.category is Category.TRANSIENT
    assert outcome.transient


def test_both_outputs_come_in_order_with_a_partial_last_line(podman: Podman, pod: MakePod, tmp_path: Path) -> None:
    lines: list[str] = []
    script = "for i in 1 2 3 4 5; do echo out $i; echo err $i >&2; done; printf end"
    podman.run(pod(script), log=tmp_path / "log", on_line=lines.append)
    expected = [f"{stream} {number}" for number in range(1, 6) for stream in ("out", "err")] + ["end"]
    assert lines == expected
    assert (tmp_path / "log").read_text().splitlines() == expected


def test_ten_thousand_lines_arrive_whole(podman: Podman, pod: MakePod, tmp_path: Path) -> None:
    lines: list[str] = []
    podman.run(pod("seq 5000; sleep 1; seq 5001 10000"), log=tmp_path / "log", on_line=lines.append)
    expected = [str(number) for number in range(1, 10001)]
    assert lines == expected
    assert (tmp_path / "log").read_text().splitlines() == expected


def test_lines_come_while_the_step_runs(podman: Podman, pod: MakePod, tmp_path: Path) -> None:
    moments: list[float] = []
    podman.run(pod("echo a; sleep 3; echo b"), log=tmp_path / "log", on_line=lambda _: moments.append(time.monotonic()))
    assert moments[1] - moments[0] > 2


def test_a_finished_step_is_not_run_again(podman: Podman, pod: MakePod, claim: str, tmp_path: Path) -> None:
    step = pod("echo once >>/workspace/runs; cat /workspace/runs", claim=claim)
    first = podman.run(step, log=tmp_path / "first")
    lines: list[str] = []
    second = podman.run(step, log=tmp_path / "second", on_line=lines.append)
    assert second == first
    assert lines == ["once"]
    assert (tmp_path / "second").read_text() == "once\n"


def test_a_pod_outlives_its_runner_and_is_adopted(
    podman: Podman, pod: MakePod, claim: str, state_dir: Path, tmp_path: Path
) -> None:
    step = pod("echo started; echo once >>/workspace/runs; sleep 4; cat /workspace/runs; exit 3", claim=claim)
    kill(start_runner(step, state_dir, tmp_path / "log"))
    assert podman.outcome(step.name).phase is Phase.RUNNING  # type: ignore[union-attr]
    lines: list[str] = []
    outcome = podman.run(step, log=tmp_path / "log", on_line=lines.append)
    assert outcome.exit_code == 3
    assert lines == ["started", "once"]
    assert (tmp_path / "log").read_text() == "started\nonce\n"


def test_ctrl_c_ends_the_runner_and_its_children_at_once(
    podman: Podman, pod: MakePod, state_dir: Path, tmp_path: Path
) -> None:
    step = pod("echo started; sleep 60")
    began = time.monotonic()
    kill(start_runner(step, state_dir, tmp_path / "log"), signal.SIGINT)
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


def test_a_pod_that_was_made_but_never_started_is_made_anew(
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


def test_a_step_ends_at_its_deadline(podman: Podman, pod: MakePod, tmp_path: Path) -> None:
    outcome = podman.run(pod("echo a; sleep 60", deadline=timedelta(seconds=2)), log=tmp_path / "log")
    assert outcome.category is Category.DEADLINE
    assert "0:00:02" in outcome.summary
    assert not outcome.transient


def test_a_step_ends_at_its_deadline_without_its_runner(
    podman: Podman, pod: MakePod, state_dir: Path, tmp_path: Path
) -> None:
    step = pod("echo started; trap '' TERM; while :; do sleep 1; done", deadline=timedelta(seconds=3))
    kill(start_runner(step, state_dir, tmp_path / "log"))
    assert wait_for_end(podman, step.name, 30).category is Category.DEADLINE


def test_a_pod_that_does_not_end_itself_is_ended_by_its_runner(
    podman: Podman, pod: MakePod, state_dir: Path, tmp_path: Path
) -> None:
    step = pod("echo started; sleep 300", deadline=timedelta(seconds=3))
    kill(start_runner(step, state_dir, tmp_path / "log"))
    # The pod's own clock stands still.
    os.kill(inspect("container", f"{step.name}-step")["State"]["Pid"], signal.SIGSTOP)
    assert podman.run(step, log=tmp_path / "log").category is Category.DEADLINE


def test_a_step_may_tidy_up_when_it_is_stopped(podman: Podman, pod: MakePod, claim: str, tmp_path: Path) -> None:
    script = "trap 'sleep 1; echo tidy; exit 1' TERM; while :; do sleep 0.2; done"
    outcome = podman.run(pod(script, claim=claim, deadline=timedelta(seconds=2)), log=tmp_path / "log")
    assert "tidy" in outcome.log_tail


def test_a_step_that_needs_too_much_memory(podman: Podman, pod: MakePod, tmp_path: Path) -> None:
    script = "dd if=/dev/zero of=/dev/null bs=1500M count=1 || exit 9"
    outcome = podman.run(pod(script), log=tmp_path / "log")
    assert outcome.category is Category.OUT_OF_MEMORY
    assert "1 GiB" in outcome.summary


def test_a_step_that_is_killed_from_outside(podman: Podman, pod: MakePod, state_dir: Path, tmp_path: Path) -> None:
    step = pod("echo started; sleep 60")
    kill(start_runner(step, state_dir, tmp_path / "log"))
    subprocess.run(["podman", "kill", f"{step.name}-step"], check=True, capture_output=True, timeout=60)
    outcome = podman.run(step, log=tmp_path / "log")
    assert outcome.category is Category.KILLED
    assert outcome.transient


def test_a_step_that_lost_its_supervisor_counts_as_killed(
    podman: Podman, pod: MakePod, job: str, state_dir: Path, tmp_path: Path
) -> None:
    step = pod("echo started; sleep 60")
    runner = start_runner(step, state_dir, tmp_path / "log")
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


def test_a_missing_image_is_named(podman: Podman, pod: MakePod, tmp_path: Path) -> None:
    step = pod("true", image="localhost/ims-no-such-image:1")
    outcome = podman.run(step, log=tmp_path / "log")
    assert outcome.category is Category.IMAGE_MISSING
    assert "localhost/ims-no-such-image:1" in outcome.summary
    assert not exists("pod", step.name)


def test_a_missing_claim_is_refused_before_anything_is_made(
    podman: Podman, pod: MakePod, job: str, tmp_path: Path
) -> None:
    step = pod("true", claim=Claim(job_id=job, size_gib=1).name)
    with pytest.raises(NotFound, match="workspace"):
        podman.run(step, log=tmp_path / "log")
    assert not exists("volume", step.claim)


def test_the_steps_of_a_job_share_their_workspace(podman: Podman, pod: MakePod, claim: str, tmp_path: Path) -> None:
    podman.run(pod("echo shared >/workspace/file", step="first", claim=claim), log=tmp_path / "1")
    outcome = podman.run(pod("cat /workspace/file", step="second", claim=claim), log=tmp_path / "2")
    assert outcome.log_tail == ["shared"]


def test_devices_work_in_a_workspace(podman: Podman, pod: MakePod, claim: str, tmp_path: Path) -> None:
    script = "mknod /workspace/null c 1 3 && echo gone >/workspace/null && echo works"
    outcome = podman.run(pod(script, claim=claim, privileged=True), log=tmp_path / "log")
    assert outcome.log_tail == ["works"]


def test_an_existing_claim_is_taken(podman: Podman, pod: MakePod, job: str, claim: str, tmp_path: Path) -> None:
    podman.run(pod("echo kept >/workspace/file", step="first", claim=claim), log=tmp_path / "1")
    podman.create_claim(Claim(job_id=job, size_gib=1))
    outcome = podman.run(pod("cat /workspace/file", step="second", claim=claim), log=tmp_path / "2")
    assert outcome.log_tail == ["kept"]


def test_pods_and_claims_carry_their_jobs_label(
    podman: Podman, pod: MakePod, job: str, claim: str, tmp_path: Path
) -> None:
    step = pod("true", claim=claim)
    podman.run(step, log=tmp_path / "log")
    assert inspect("pod", step.name)["Labels"]["ims/job-id"] == job
    assert inspect("volume", claim)["Labels"]["ims/job-id"] == job
    assert timedelta(0) < datetime.now(UTC) - podman.jobs()[job] < timedelta(minutes=5)


def test_removing_a_job_leaves_nothing_however_often(
    podman: Podman, pod: MakePod, job: str, claim: str, tmp_path: Path
) -> None:
    step = pod("true", claim=claim)
    podman.run(step, log=tmp_path / "log")
    assert podman.remove(job) == [step.name, claim]
    assert podman.remove(job) == []
    assert not exists("pod", step.name)
    assert not exists("volume", claim)
    assert job not in podman.jobs()


def test_a_running_job_is_removed_within_30_seconds_whatever_it_does(
    podman: Podman, pod: MakePod, job: str, claim: str, tmp_path: Path
) -> None:
    stubborn = "echo started; trap '' TERM; while :; do sleep 1; done"
    steps = [pod(stubborn, step=name, claim=claim) for name in ("first", "second", "third")]
    with ThreadPoolExecutor() as runners:
        running = [runners.submit(podman.run, step, log=tmp_path / step.step) for step in steps]
        until = time.monotonic() + 60
        while not all((tmp_path / step.step).exists() and (tmp_path / step.step).read_text() for step in steps):
            assert time.monotonic() < until
            time.sleep(0.1)
        began = time.monotonic()
        removed = podman.remove(job)
        assert time.monotonic() - began < 30
        assert set(removed) == {claim, *(step.name for step in steps)}
        for run in running:
            # A runner sees its pod killed, or gone.
            error = run.exception(30)
            assert isinstance(error, Interrupted) or run.result().transient
    assert not exists("volume", claim)


def test_jobs_run_side_by_side(podman: Podman, image: str, tmp_path: Path) -> None:
    jobs = [str(uuid4()) for _ in range(3)]

    def run(job_id: str) -> list[str]:
        claim = Claim(job_id=job_id, size_gib=1)
        podman.create_claim(claim)
        step = Pod(
            job_id=job_id,
            step="test",
            image=image,
            command=["sh", "-c", f"echo {job_id} >/workspace/file; sleep 2; cat /workspace/file"],
            claim=claim.name,
            memory_gib=1,
            deadline=timedelta(minutes=1),
        )
        try:
            return podman.run(step, log=tmp_path / job_id).log_tail
        finally:
            podman.remove(job_id)

    with ThreadPoolExecutor() as runners:
        assert list(runners.map(run, jobs)) == [[job_id] for job_id in jobs]
    assert not podman.jobs().keys() & set(jobs)


HOSTILE = [
    "2024",
    "1e3",
    "0o17",
    "yes",
    "~",
    "user: me",
    "- item",
    "--- # not a document",
    "'single' \"double\" `back` \\n \\",
    "$(HOME) $$(HOME) ${HOME} $HOME $$ $",
    "line\nbreak\r\n\ttab",
    "{{ jinja }} {% raw %} &anchor *alias !tag | > %",
    "\N{ROCKET}\N{LINE SEPARATOR}\N{NEXT LINE}\N{ZERO WIDTH NO-BREAK SPACE}\N{DELETE}\x1b[31m",
    " leading and trailing ",
    "",
]


def test_a_users_text_reaches_the_step_unchanged(podman: Podman, pod: MakePod, tmp_path: Path) -> None:
    names = [f"VALUE_{number}" for number in range(len(HOSTILE))]
    values = " ".join(f'"${name}"' for name in names)
    script = f"""printf '%s\\0' {values} "$@" """
    step = pod("", command=["sh", "-c", script, "sh", *HOSTILE], env=dict(zip(names, HOSTILE, strict=True)))
    podman.run(step, log=tmp_path / "log")
    assert (tmp_path / "log").read_bytes().decode().split("\0")[:-1] == HOSTILE * 2


def test_host_names_can_be_given(podman: Podman, pod: MakePod, tmp_path: Path) -> None:
    aliases = {"packages.test": "127.0.0.1", "mirror.test": "127.0.0.2"}
    for number, host_network in enumerate((True, False), start=1):
        step = pod("cat /etc/hosts", attempt=number, host_network=host_network, host_aliases=aliases)
        words = [line.split() for line in podman.run(step, log=tmp_path / "log").log_tail]
        assert ["127.0.0.1", "packages.test"] in words
        assert ["127.0.0.2", "mirror.test"] in words
        assert any("localhost" in line for line in words)


def test_a_pods_rights_are_those_it_asks_for(podman: Podman, pod: MakePod, claim: str, tmp_path: Path) -> None:
    script = "while read -r key value; do [ $key = NoNewPrivs: ] && echo $value; done </proc/self/status"
    plain = podman.run(pod(script, step="plain"), log=tmp_path / "log")
    root = podman.run(pod(script, step="root", privileged=True), log=tmp_path / "log")
    assert (plain.log_tail, root.log_tail) == (["1"], ["0"])


def test_a_log_that_cannot_be_written_does_not_fail_the_step(podman: Podman, pod: MakePod, tmp_path: Path) -> None:
    outcome = podman.run(pod("echo hello"), log=tmp_path)
    assert outcome.phase is Phase.SUCCEEDED
    assert outcome.log_tail == ["hello"]


def test_there_is_no_outcome_of_a_pod_that_is_not_there(podman: Podman) -> None:
    assert podman.outcome("ims-none-test-1") is None
