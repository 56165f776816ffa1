"""What every runtime does: Podman, Kubernetes on the fake cluster, and on a real one (docs/kubernetes.md)."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from errors import Interrupted, NotFound
from pods.facts import Category
from pods.manifest import Claim, Pod
from pods.runtime import Outcome, Phase, PodRuntime
from tests.pods.runners import kill, start_runner
from tests.pods.under_test import UnderTest

MakePod = Callable[..., Pod]
# What only a container shows: the fake cluster's kubelet runs commands on this host as they are.
in_containers = pytest.mark.parametrize(
    "tested",
    [pytest.param("podman", marks=pytest.mark.containers), pytest.param("cluster", marks=pytest.mark.cluster)],
    indirect=True,
)


def wait_for_end(runtime: PodRuntime, name: str, seconds: float) -> Outcome:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        outcome = runtime.outcome(name)
        if outcome and outcome.phase is not Phase.RUNNING:
            return outcome
        time.sleep(0.5)
    raise AssertionError(f"{name} did not end")


def test_a_step_that_succeeds(runtime: PodRuntime, pod: MakePod, tmp_path: Path) -> None:
    outcome = runtime.run(pod("echo hello"), log=tmp_path / "log")
    assert outcome.phase is Phase.SUCCEEDED
    assert outcome.exit_code == 0
    assert outcome.log_tail == ["hello"]
    assert outcome.started is not None
    assert outcome.finished is not None


def test_a_step_that_fails_has_its_exit_code(runtime: PodRuntime, pod: MakePod, tmp_path: Path) -> None:
    outcome = runtime.run(pod("echo sorry; exit 4"), log=tmp_path / "log")
    assert (outcome.phase, outcome.exit_code, outcome.category) == (Phase.FAILED, 4, Category.STEP_FAILED)
    assert outcome.log_tail == ["sorry"]


def test_a_passing_fault_is_worth_another_try(runtime: PodRuntime, pod: MakePod, tmp_path: Path) -> None:
    outcome = runtime.run(pod("exit 75"), log=tmp_path / "log")
    assert outcome.category is Category.TRANSIENT
    assert outcome.transient


def test_both_outputs_come_in_order_with_a_partial_last_line(runtime: PodRuntime, pod: MakePod, tmp_path: Path) -> None:
    lines: list[str] = []
    script = "for i in 1 2 3 4 5; do echo out $i; echo err $i >&2; done; printf end"
    runtime.run(pod(script), log=tmp_path / "log", on_line=lines.append)
    expected = [f"{stream} {number}" for number in range(1, 6) for stream in ("out", "err")] + ["end"]
    assert lines == expected
    assert (tmp_path / "log").read_text().splitlines() == expected


def test_ten_thousand_lines_arrive_whole(runtime: PodRuntime, pod: MakePod, tmp_path: Path) -> None:
    lines: list[str] = []
    runtime.run(pod("seq 5000; sleep 1; seq 5001 10000"), log=tmp_path / "log", on_line=lines.append)
    expected = [str(number) for number in range(1, 10001)]
    assert lines == expected
    assert (tmp_path / "log").read_text().splitlines() == expected


def test_lines_come_while_the_step_runs(runtime: PodRuntime, pod: MakePod, tmp_path: Path) -> None:
    moments: list[float] = []
    runtime.run(
        pod("echo a; sleep 3; echo b"), log=tmp_path / "log", on_line=lambda _: moments.append(time.monotonic())
    )
    assert moments[1] - moments[0] > 2


def test_a_finished_step_is_not_run_again(runtime: PodRuntime, pod: MakePod, claim: str, tmp_path: Path) -> None:
    step = pod("echo once >>/workspace/runs; cat /workspace/runs", claim=claim)
    first = runtime.run(step, log=tmp_path / "first")
    lines: list[str] = []
    second = runtime.run(step, log=tmp_path / "second", on_line=lines.append)
    assert second == first
    assert lines == ["once"]
    assert (tmp_path / "second").read_text() == "once\n"


def test_a_pod_outlives_its_runner_and_is_adopted(
    runtime: PodRuntime, pod: MakePod, claim: str, tested: UnderTest, tmp_path: Path
) -> None:
    step = pod("echo started; echo once >>/workspace/runs; sleep 4; cat /workspace/runs; exit 3", claim=claim)
    kill(start_runner(step, tested, tmp_path / "log"))
    assert runtime.outcome(step.name).phase is Phase.RUNNING  # type: ignore[union-attr]
    lines: list[str] = []
    outcome = runtime.run(step, log=tmp_path / "log", on_line=lines.append)
    assert outcome.exit_code == 3
    assert lines == ["started", "once"]
    assert (tmp_path / "log").read_text() == "started\nonce\n"


def test_a_step_ends_at_its_deadline(runtime: PodRuntime, pod: MakePod, tmp_path: Path) -> None:
    outcome = runtime.run(pod("echo a; sleep 60", deadline=timedelta(seconds=2)), log=tmp_path / "log")
    assert outcome.category is Category.DEADLINE
    assert "0:00:02" in outcome.summary
    assert not outcome.transient


@pytest.mark.slow
def test_a_step_ends_at_its_deadline_without_its_runner(
    runtime: PodRuntime, pod: MakePod, tested: UnderTest, tmp_path: Path
) -> None:
    step = pod("echo started; trap '' TERM; while :; do sleep 1; done", deadline=timedelta(seconds=3))
    kill(start_runner(step, tested, tmp_path / "log"))
    assert wait_for_end(runtime, step.name, 30).category is Category.DEADLINE


def test_a_step_may_tidy_up_when_it_is_stopped(runtime: PodRuntime, pod: MakePod, claim: str, tmp_path: Path) -> None:
    script = "trap 'sleep 1; echo tidy; exit 1' TERM; while :; do sleep 0.2; done"
    outcome = runtime.run(pod(script, claim=claim, deadline=timedelta(seconds=2)), log=tmp_path / "log")
    assert "tidy" in outcome.log_tail


@in_containers
def test_a_step_that_needs_too_much_memory(runtime: PodRuntime, pod: MakePod, tmp_path: Path) -> None:
    script = "dd if=/dev/zero of=/dev/null bs=1500M count=1 || exit 9"
    outcome = runtime.run(pod(script), log=tmp_path / "log")
    assert outcome.category is Category.OUT_OF_MEMORY
    assert "1 GiB" in outcome.summary


def test_a_missing_image_is_named(runtime: PodRuntime, pod: MakePod, tmp_path: Path) -> None:
    step = pod("true", image="localhost/ims-no-such-image:1")
    outcome = runtime.run(step, log=tmp_path / "log")
    assert outcome.category is Category.IMAGE_MISSING
    assert "localhost/ims-no-such-image:1" in outcome.summary
    assert runtime.outcome(step.name) is None


def test_a_missing_claim_is_refused_before_anything_is_made(
    runtime: PodRuntime, pod: MakePod, job: str, tmp_path: Path
) -> None:
    step = pod("true", claim=Claim(job_id=job, size_gib=1).name)
    with pytest.raises(NotFound, match="workspace"):
        runtime.run(step, log=tmp_path / "log")
    assert step.job_id not in runtime.jobs()


def test_the_steps_of_a_job_share_their_workspace(
    runtime: PodRuntime, pod: MakePod, claim: str, tmp_path: Path
) -> None:
    runtime.run(pod("echo shared >/workspace/file", step="first", claim=claim), log=tmp_path / "1")
    outcome = runtime.run(pod("cat /workspace/file", step="second", claim=claim), log=tmp_path / "2")
    assert outcome.log_tail == ["shared"]


def test_devices_work_in_a_workspace(runtime: PodRuntime, pod: MakePod, claim: str, tmp_path: Path) -> None:
    script = "mknod /workspace/null c 1 3 && echo gone >/workspace/null && echo works"
    outcome = runtime.run(pod(script, claim=claim, privileged=True), log=tmp_path / "log")
    assert outcome.log_tail == ["works"]


def test_an_existing_claim_is_taken(runtime: PodRuntime, pod: MakePod, job: str, claim: str, tmp_path: Path) -> None:
    runtime.run(pod("echo kept >/workspace/file", step="first", claim=claim), log=tmp_path / "1")
    runtime.create_claim(Claim(job_id=job, size_gib=1))
    outcome = runtime.run(pod("cat /workspace/file", step="second", claim=claim), log=tmp_path / "2")
    assert outcome.log_tail == ["kept"]


def test_jobs_are_found_with_the_age_of_what_they_have(runtime: PodRuntime, job: str, claim: str) -> None:
    # A cluster's clock may be another.
    assert abs(datetime.now(UTC) - runtime.jobs()[job]) < timedelta(minutes=5)


def test_removing_a_job_leaves_nothing_however_often(
    runtime: PodRuntime, pod: MakePod, job: str, claim: str, tmp_path: Path
) -> None:
    step = pod("true", claim=claim)
    runtime.run(step, log=tmp_path / "log")
    assert runtime.remove(job) == [step.name, claim]
    assert runtime.remove(job) == []
    assert runtime.outcome(step.name) is None
    assert job not in runtime.jobs()
    assert job not in runtime.jobs()


@pytest.mark.slow
def test_a_running_job_is_removed_within_30_seconds_whatever_it_does(
    runtime: PodRuntime, pod: MakePod, job: str, claim: str, tmp_path: Path
) -> None:
    stubborn = "echo started; trap '' TERM; while :; do sleep 1; done"
    steps = [pod(stubborn, step=name, claim=claim) for name in ("first", "second", "third")]
    with ThreadPoolExecutor() as runners:
        running = [runners.submit(runtime.run, step, log=tmp_path / step.step) for step in steps]
        until = time.monotonic() + 60
        while not all((tmp_path / step.step).exists() and (tmp_path / step.step).read_text() for step in steps):
            assert time.monotonic() < until
            time.sleep(0.1)
        began = time.monotonic()
        removed = runtime.remove(job)
        assert time.monotonic() - began < 30
        assert set(removed) == {claim, *(step.name for step in steps)}
        for run in running:
            # A runner sees its pod killed, or gone.
            error = run.exception(30)
            assert isinstance(error, Interrupted) or run.result().transient
    assert job not in runtime.jobs()


def test_jobs_run_side_by_side(runtime: PodRuntime, tested: UnderTest, tmp_path: Path) -> None:
    jobs = [str(uuid4()) for _ in range(3)]

    def run(job_id: str) -> list[str]:
        claim = Claim(job_id=job_id, size_gib=1)
        runtime.create_claim(claim)
        step = Pod(
            job_id=job_id,
            step="test",
            image=tested.image,
            command=["sh", "-c", f"echo {job_id} >/workspace/file; sleep 2; cat /workspace/file"],
            claim=claim.name,
            memory_gib=1,
            deadline=timedelta(minutes=1),
        )
        try:
            return runtime.run(step, log=tmp_path / job_id).log_tail
        finally:
            runtime.remove(job_id)

    with ThreadPoolExecutor() as runners:
        assert list(runners.map(run, jobs)) == [[job_id] for job_id in jobs]
    assert not set(runtime.jobs()) & set(jobs)


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


def test_a_users_text_reaches_the_step_unchanged(runtime: PodRuntime, pod: MakePod, tmp_path: Path) -> None:
    names = [f"VALUE_{number}" for number in range(len(HOSTILE))]
    values = " ".join(f'"${name}"' for name in names)
    # As digits: some nodes take carriage returns out of logs.
    script = f"""printf '%s\\0' {values} "$@" | od -An -v -tx1"""
    step = pod("", command=["sh", "-c", script, "sh", *HOSTILE], env=dict(zip(names, HOSTILE, strict=True)))
    runtime.run(step, log=tmp_path / "log")
    assert bytes.fromhex((tmp_path / "log").read_text()).decode().split("\0")[:-1] == HOSTILE * 2


@in_containers
def test_host_names_can_be_given(runtime: PodRuntime, pod: MakePod, tmp_path: Path) -> None:
    aliases = {"packages.test": "127.0.0.1", "mirror.test": "127.0.0.2"}
    for number, host_network in enumerate((True, False), start=1):
        step = pod("cat /etc/hosts", attempt=number, host_network=host_network, host_aliases=aliases)
        words = [line.split() for line in runtime.run(step, log=tmp_path / "log").log_tail]
        assert ["127.0.0.1", "packages.test"] in words
        assert ["127.0.0.2", "mirror.test"] in words
        assert any("localhost" in line for line in words)


@in_containers
def test_a_pods_rights_are_those_it_asks_for(runtime: PodRuntime, pod: MakePod, claim: str, tmp_path: Path) -> None:
    script = "while read -r key value; do [ $key = NoNewPrivs: ] && echo $value; done </proc/self/status"
    plain = runtime.run(pod(script, step="plain"), log=tmp_path / "log")
    root = runtime.run(pod(script, step="root", privileged=True), log=tmp_path / "log")
    assert (plain.log_tail, root.log_tail) == (["1"], ["0"])


def test_a_log_that_cannot_be_written_does_not_fail_the_step(runtime: PodRuntime, pod: MakePod, tmp_path: Path) -> None:
    outcome = runtime.run(pod("echo hello"), log=tmp_path)
    assert outcome.phase is Phase.SUCCEEDED
    assert outcome.log_tail == ["hello"]


def test_there_is_no_outcome_of_a_pod_that_is_not_there(runtime: PodRuntime) -> None:
    assert runtime.outcome("ims-none-test-1") is None
