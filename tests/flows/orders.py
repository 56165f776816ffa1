"""Two real workers, and what users and hosts do to them and to their runs, in any order.

After each order, run, record and pods come to say the same (`World.disagreements`), and at no moment more than one pod
of a job is at work in its workspace.
"""

import json
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import AwaitingRetry, Cancelling, Pending, Suspended

from builder.contract.shell_orders import Operation
from errors import Conflict
from flows.deployments import CREATE_IMAGE, CUSTOMIZE_IMAGE
from pods.manifest import JOB_LABEL
from runs.client import connected
from runs.run import WORKER_LABEL
from storage.models.jobs import Diagnosis, Job, JobStatus
from storage.models.records import Image, new_id
from storage.records.shell_orders import end_shell
from tests.cli.conftest import clean_environment
from tests.cli.running import process_of, processes_with, start_worker
from tests.flows.site import Site

WORKERS = ("worker-a", "worker-b")
START_SECONDS = 180
# The promise is 30 s; a host on which many tests run at once is given more. The bench prints what it took.
AGREEMENT_SECONDS = 120
WAITING = {StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING}


@dataclass
class Worker:
    """A worker that runs, with what leads to its processes."""

    name: str
    mark: str
    process: subprocess.Popen[bytes]
    log: Path


@dataclass
class World:
    """Two workers, their runs, and what was seen of them."""

    site: Site
    image: Image
    api: str
    workers: dict[str, Worker] = field(default_factory=dict)
    runs: list[str] = field(default_factory=list)
    orders: Counter[str] = field(default_factory=Counter)
    slowest: float = 0
    together: list[list[str]] = field(default_factory=list)

    def start_worker(self, name: str) -> None:
        """Start a worker, which resumes what the one before it left, and wait until it looks for runs."""
        mark = new_id()
        log = self.site.folder / f"{name}-{mark}.log"
        environment = clean_environment(**self.site.environment, PREFECT_WORKER_QUERY_SECONDS="2", IMS_TEST_MARK=mark)
        process = start_worker(name, environment, log)
        self.workers[name] = Worker(name, mark, process, log)
        self.wait_for(lambda: "started!" in log.read_text(), START_SECONDS, lambda: log.read_text())

    def kill_worker(self, name: str) -> None:
        """Kill a worker and its runs at once, as the end of its container does; the pods go on."""
        worker = self.workers.pop(name)
        for _ in range(3):
            for pid, command in processes_with(f"IMS_TEST_MARK={worker.mark}"):
                if "python" in command or "prefect" in command:
                    _kill(pid)
            time.sleep(0.1)
        worker.process.wait(20)

    def begin_shell(self) -> str:
        """Start a job that waits on its user."""
        return self._begin(CUSTOMIZE_IMAGE, {"image_id": self.image.id})

    def begin_build(self) -> str:
        """Start a job that builds."""
        return self._begin(CREATE_IMAGE, {"recipe_id": self.site.recipe.id})

    def pending_build(self) -> str:
        """Leave a build as a worker does that is killed when it has taken it."""
        with SyncPrefectClient(self.api) as client:
            deployment = client.read_deployment_by_name(CREATE_IMAGE)
            asked = self._asked() | {"recipe_id": self.site.recipe.id}
            run = client.create_flow_run_from_deployment(deployment.id, parameters=asked, state=Pending())
        self.runs.append(str(run.id))
        return self.runs[-1]

    def cancel(self, run_id: str) -> None:
        """Do what the button does."""
        self._set_state(run_id, Cancelling())

    def suspend(self, run_id: str) -> None:
        """Do what the button does."""
        self._set_state(run_id, Suspended(timeout_seconds=3600))

    def resume(self, run_id: str) -> None:
        """Do what the button does."""
        with SyncPrefectClient(self.api) as client:
            client.resume_flow_run(UUID(run_id))

    def retry(self, run_id: str) -> None:
        """Do what the button does."""
        self._set_state(run_id, AwaitingRetry())

    def kill_run(self, run_id: str) -> None:
        """Kill the process of a run, as the kernel does that is out of memory; nothing when there is none."""
        with suppress(ValueError):
            _kill(process_of(run_id))

    def evict(self, run_id: str) -> None:
        """Remove the pod of a job that is at work; nothing when there is none."""
        if names := self.at_work().get(run_id, []):
            subprocess.run(["podman", "pod", "rm", "--force", "--time", "0", *names], check=False, capture_output=True)

    def complete(self, run_id: str) -> None:
        """Complete the shell of a job from outside; nothing when it has none that is open."""
        with suppress(Conflict):
            end_shell(self.site.store, self.site.ims_bucket, self.site.job(run_id), Operation.COMPLETE)

    def open_shells(self) -> list[str]:
        """Return the runs whose jobs wait on their user."""
        found = {run_id: self.job(run_id) for run_id in self.runs}
        return [run_id for run_id, job in found.items() if job and job.status is JobStatus.WAITING_ON_USER]

    def told(self, order: str, target: str) -> None:
        """Note an order that is given."""
        self.orders[order] += 1
        print(f"{datetime.now(UTC):%H:%M:%S} {order}: {target}", flush=True)

    def job(self, run_id: str) -> Job | None:
        """Return the record of a run's job."""
        return next((job for job in self.site.catalogue.jobs.list(None) if job.id == run_id), None)

    def state(self, run_id: str) -> StateType:
        """Return the type of a run's state."""
        run = self._run(run_id)
        assert run.state is not None
        return run.state.type

    def at_work(self) -> dict[str, list[str]]:
        """Return the pods that are at work, by job."""
        listed = subprocess.run(
            ["podman", "pod", "ps", "--filter", f"label={JOB_LABEL}", "--format", "json"],
            check=False,
            capture_output=True,
            text=True,
        )
        found: dict[str, list[str]] = {}
        for pod in json.loads(listed.stdout or "null") or []:
            steps = [each["Status"] for each in pod["Containers"] or [] if each["Names"].endswith("-step")]
            if pod["Labels"][JOB_LABEL] in self.runs and steps == ["running"]:
                found.setdefault(pod["Labels"][JOB_LABEL], []).append(pod["Name"])
        return found

    def disagreements(self) -> list[str]:
        """Return what run, record and pods of each job do not agree in."""
        at_work = self.at_work()
        return [why for run_id in self.runs if (why := self._disagreement(run_id, at_work.get(run_id, [])))]

    def settle(self) -> None:
        """Wait until run, record and pods of every job agree."""
        began = time.monotonic()
        self.wait_for(lambda: not self.disagreements(), AGREEMENT_SECONDS, self.story)
        ended = [name for name, worker in self.workers.items() if worker.process.poll() is not None]
        assert not ended, self.story()
        self.slowest = max(self.slowest, time.monotonic() - began)
        assert self.together == [], self.story()

    def story(self) -> str:
        """Tell how all stands, for a test that failed."""
        logs = "\n".join(
            f"--- {log.name}\n{log.read_text()[-6000:]}" for log in sorted(self.site.folder.glob("worker-*.log"))
        )
        jobs = "\n".join(str(self.job(run_id)) for run_id in self.runs)
        return f"{self.disagreements()}\nat work together: {self.together}\n{jobs}\n{logs}"

    def end(self) -> None:
        """Cancel what has not ended, and see that no pod is at work but those that a retry of a crashed run adopts."""
        for name in set(WORKERS) - set(self.workers):
            self.start_worker(name)
        for run_id in self.runs:
            if self.state(run_id) in WAITING | {StateType.PAUSED}:
                self.cancel(run_id)
        self.settle()
        self.wait_for(
            lambda: not [run for run in self.runs if self.state(run) in WAITING | {StateType.CANCELLING}],
            AGREEMENT_SECONDS,
            self.story,
        )
        at_work = self.at_work()
        left = [run_id for run_id in at_work if self.state(run_id) is not StateType.CRASHED]
        assert not left, f"{at_work}\n{self.story()}"
        for run_id in self.runs:
            self.site.runtime.remove(run_id)
        self.runs.clear()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look again and again whether two pods of a job are at work, while the block runs."""
        done = threading.Event()

        def look() -> None:
            while not done.wait(0.3):
                self.together += [pods for pods in self.at_work().values() if len(pods) > 1]

        watching = threading.Thread(target=look, daemon=True)
        watching.start()
        try:
            yield
        finally:
            done.set()
            watching.join()

    def _disagreement(self, run_id: str, pods: list[str]) -> str:
        run, job = self._run(run_id), self.job(run_id)
        assert run.state is not None
        kind, name = run.state.type, f"run {run_id} is {run.state.name}"
        if kind in WAITING | {StateType.CANCELLING} and run.labels.get(WORKER_LABEL) not in {None, *self.workers}:
            # Its worker is gone; the next one of that name sees to it.
            return ""
        if kind is StateType.RUNNING:
            return "" if job and job.hold and not job.status.is_final else f"{name}, and nobody holds {job}"
        if kind in {StateType.SCHEDULED, StateType.PENDING}:
            return "" if not self.workers else f"{name}, and no worker has taken it"
        if kind is StateType.CANCELLING:
            return "" if not self.workers else f"{name}, and nobody ends it"
        agrees = self._agrees_with_end(kind, job, run_id in self.site.runtime.jobs())
        return "" if agrees else f"{name}, its pods {pods}, its record {job}"

    def _agrees_with_end(self, kind: StateType, job: Job | None, has_pods: bool) -> bool:
        """Tell whether a record and what is left of its job fit a run that has ended, or is suspended."""
        if kind is StateType.CANCELLED:
            return job is None or (job.status.is_final and not has_pods)
        if kind is StateType.PAUSED:
            return job is None or job.hold is not None or _tells(job, Diagnosis.SUSPENDED)
        if job is None or job.hold is not None:
            return False
        if job.status is JobStatus.SUCCESS:
            # Also when its process was killed when all was done but the clean-up.
            return not has_pods
        return kind is not StateType.COMPLETED and job.diagnosis is not None

    def _begin(self, deployment: str, parameters: dict[str, str]) -> str:
        with connected(self.api) as runs:
            self.runs.append(runs.start(deployment, self._asked() | parameters, idempotency_key=new_id()))
        return self.runs[-1]

    def _asked(self) -> dict[str, Any]:
        return {
            "public_key_id": self.site.key.id,
            "image_root_archive_name": "tiny image",
            "build_env_size": 1,
            "job_mem_size": 1,
        }

    def _run(self, run_id: str) -> FlowRun:
        with SyncPrefectClient(self.api) as client:
            return client.read_flow_run(UUID(run_id))

    def _set_state(self, run_id: str, state: object) -> None:
        with SyncPrefectClient(self.api) as client:
            client.set_flow_run_state(UUID(run_id), state)  # type: ignore[arg-type]

    def wait_for(self, condition: Callable[[], bool], seconds: float, story: Callable[[], str]) -> None:
        """Wait until something is so; the story is told when it does not come to be."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"not within {seconds} s: {story()}"
            time.sleep(0.5)


def _tells(job: Job, category: str) -> bool:
    return job.diagnosis is not None and job.diagnosis.category == category


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
