"""A site for flow tests: buckets, a key, a recipe that builds in seconds, and runs in processes of their own."""

import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.states import Cancelling, Suspended

from errors import ImsError
from pods.runtime import PodRuntime
from storage.models.jobs import Job, JobStatus, JobType
from storage.models.records import Image, Link, PublicKey, Recipe, new_id
from storage.models.shells import SshContainer
from storage.records.catalogue import Catalogue
from storage.records.jobs import chained_job_id
from storage.s3.objects import ObjectStore
from storage.s3.uploads import unfinished_uploads
from tests.cli.conftest import clean_environment, run_ims

if TYPE_CHECKING:
    from prefect import Flow

PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPWRc+UOO0RNGYP9J9WtKKOUyiMXagbLMp5P2zdifaCv site"
RUN_LIMIT_SECONDS = 280


@dataclass
class Run:
    """A run of the flow in a process of its own."""

    process: BaseProcess
    log: Path

    def wait(self) -> int:
        """Return the exit code: 0 when the flow succeeded, negative the signal that ended it."""
        self.process.join(RUN_LIMIT_SECONDS)
        assert self.process.exitcode is not None, f"the run does not end:\n{self.log.read_text()}"
        return self.process.exitcode

    def kill(self) -> None:
        """End the process at once, as a lost machine would."""
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGKILL)

    def interrupt(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        assert self.process.pid is not None
        os.kill(self.process.pid, number)


@dataclass
class Site:
    """Everything a job needs, and the eyes to see what came of it."""

    store: ObjectStore
    ims_bucket: str
    boot_images_bucket: str
    folder: Path
    environment: dict[str, str]
    runtime: PodRuntime
    repository: str
    runs: list[Run] = field(default_factory=list)
    recipe: Recipe = field(init=False)
    key: PublicKey = field(init=False)

    @property
    def catalogue(self) -> Catalogue:
        return Catalogue(self.store, self.ims_bucket)

    def add_recipe(self, archive: bytes, **fields: Any) -> Recipe:
        """Register a recipe with this archive; its repository is the tiny distribution unless told otherwise."""
        recipe_id = new_id()
        key = f"recipes/{recipe_id}/recipe.tgz"
        etag = self.store.write(self.ims_bucket, key, archive)
        link = Link(path=f"s3://{self.ims_bucket}/{key}", etag=etag)
        dictionary = [{"key": "repository", "value": self.repository}]
        values = {"name": "tiny", "linux_distribution": "sles15", "link": link, "template_dictionary": dictionary}
        return self.catalogue.recipes.create(Recipe.model_validate({"id": recipe_id} | values | fields))

    def start(self, job_id: str, **parameters: Any) -> Run:
        """Start a run of the flow for a job; the same job may be run again."""
        return self._start("create_image", job_id, {"recipe_id": self.recipe.id} | parameters)

    def resume(self, job_id: str, run_id: str, **parameters: Any) -> Run:
        """Start a process that goes on with a run of the flow, as a worker does."""
        return self._start("create_image", job_id, {"recipe_id": self.recipe.id} | parameters, run_id)

    def customize(self, job_id: str, image_id: str, **parameters: Any) -> Run:
        """Start a run of the flow that customizes an image; the same job may be run again."""
        return self._start("customize_image", job_id, {"image_id": image_id} | parameters)

    def customize_in_turn(self, job_ids: Sequence[str], image_id: str) -> Run:
        """Start a process that customizes an image in several jobs, one after the other; its code is how many failed.

        Each job's image has the job's id for its name.
        """
        common = {"image_id": image_id, "public_key_id": self.key.id, "build_env_size": 1, "job_mem_size": 1}
        asked = [common | {"job_id": job_id, "image_root_archive_name": job_id} for job_id in job_ids]
        return self._process(_run_in_turn, "customize_image", asked)

    def rebuild(self, *, run_id: str = "", **parameters: Any) -> Run:
        """Start a run of the flow that builds an image and customizes it; or one of that id again."""
        return self._start("rebuild_image", "", {"recipe_id": self.recipe.id} | parameters, run_id)

    def rebuild_of(self, job_id: str) -> str:
        """Return the id of the run that builds and customizes, of which this job is the first."""
        with SyncPrefectClient(self.environment["PREFECT_API_URL"]) as client:
            runs = client.read_flow_runs()
        [run_id] = [str(run.id) for run in runs if chained_job_id(str(run.id), JobType.CREATE) == job_id]
        return run_id

    def add_script(self, content: bytes) -> str:
        """Put a script into S3, and return its address."""
        key = f"scripts/{new_id()}/script"
        self.store.write(self.ims_bucket, key, content)
        return f"s3://{self.ims_bucket}/{key}"

    def _start(self, flow: str, job_id: str, parameters: dict[str, Any], run_id: str = "") -> Run:
        asked = {
            "public_key_id": self.key.id,
            "image_root_archive_name": "tiny image",
            "build_env_size": 1,
            "job_mem_size": 1,
            **({"job_id": job_id} if job_id else {}),
        }
        return self._process(_run_flow, flow, asked | parameters, run_id)

    def _process(self, target: Callable[..., None], *arguments: Any) -> Run:
        log = self.folder / f"run-{len(self.runs)}.log"
        process = _CONTEXT.Process(target=target, args=(self.environment, log, *arguments))
        process.start()
        self.runs.append(Run(process, log))
        return self.runs[-1]

    def run(self, job_id: str, **parameters: Any) -> int:
        """Run the flow to its end and return its exit code."""
        return self.start(job_id, **parameters).wait()

    def finish_shell(self, job_id: str, operation: str, **parameters: Any) -> int:
        """Run the flow that ends a shell from outside, and return its exit code."""
        asked = {"job_id": job_id, "operation": operation} | parameters
        process = _CONTEXT.Process(
            target=_run_flow, args=(self.environment, self.folder / "finish-shell.log", "finish_shell", asked)
        )
        process.start()
        process.join(RUN_LIMIT_SECONDS)
        assert process.exitcode is not None
        return process.exitcode

    def ims(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the `ims` command."""
        return run_ims(arguments, clean_environment(**self.environment))

    def cancel(self, job_id: str) -> int:
        """Do what Prefect's worker does when a cancelled run's process is gone, and return the exit code."""
        return self._hook("cancel_jobs", self.job(job_id).flow_run_id, {"job_id": job_id})

    def cancel_rebuild(self, run_id: str) -> int:
        """Do the same for a run that builds and customizes."""
        return self._hook("cancel_jobs", run_id, {})

    def suspend_and_cancel(self, job_id: str) -> None:
        """Do what a user does who suspends the run of a job and then cancels it, while one of its steps is at work."""
        run_id = UUID(self.job(job_id).flow_run_id)
        with SyncPrefectClient(self.environment["PREFECT_API_URL"]) as client:
            # Prefect suspends runs of deployments only.
            client.set_flow_run_state(run_id, Suspended(), force=True)
            client.set_flow_run_state(run_id, Cancelling())
        assert self.state_of_run(job_id) == "Cancelled", "Prefect tells nobody to end it"

    def state_of_run(self, job_id: str) -> str:
        """Return the name of the state of the run that works, or has worked, on a job."""
        with SyncPrefectClient(self.environment["PREFECT_API_URL"]) as client:
            state = client.read_flow_run(UUID(self.job(job_id).flow_run_id)).state
        return str(state and state.name)

    def lose(self, job_id: str) -> int:
        """Do what Prefect's worker does when a run's process was killed, and return the exit code."""
        return self._hook("mark_jobs_crashed", self.job(job_id).flow_run_id, {"job_id": job_id})

    def _hook(self, name: str, run_id: str, parameters: dict[str, str]) -> int:
        process = _CONTEXT.Process(target=_run_hook, args=(self.environment, name, run_id, parameters))
        process.start()
        process.join(RUN_LIMIT_SECONDS)
        assert process.exitcode is not None
        return process.exitcode

    def job(self, job_id: str) -> Job:
        return self.catalogue.jobs.get(job_id)

    def images(self) -> list[Image]:
        return self.catalogue.images.list(None)

    def wait_for(self, condition: Callable[[], bool], limit_seconds: float = 60) -> None:
        """Wait until something is so."""
        end = time.monotonic() + limit_seconds
        while not condition():
            assert time.monotonic() < end, f"not within {limit_seconds} s:\n{self.runs[-1].log.read_text()}"
            time.sleep(0.05)

    def waiting(self, run: Run, job_id: str) -> SshContainer:
        """Wait for the shell of a job that a run works on."""

        def is_open() -> bool:
            assert run.process.is_alive(), run.log.read_text()
            return job_id in self.runtime.jobs() and self.job(job_id).status is JobStatus.WAITING_ON_USER

        self.wait_for(is_open)
        [shell] = [shell for shell in self.job(job_id).ssh_containers if shell.command]
        return shell

    def leftovers(self, job_id: str) -> list[str]:
        """Return what a job left behind that it should not: pods, volumes, scratch files, unfinished uploads."""
        pods = ["pods or volumes"] if job_id in self.runtime.jobs() else []
        scratch = [str(path) for path in (self.folder / "jobs").glob("*")]
        uploads = [upload.uri for upload in unfinished_uploads(self.store, self.boot_images_bucket, "")]
        return pods + scratch + uploads


# Importing Prefect takes two seconds: a server process does it once, and each run is forked from that.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.flows.preloaded"])


@contextmanager
def _flow_of(environment: dict[str, str], log: Path, name: str) -> Iterator["Flow[..., Any]"]:
    """Give a flow in a process of its own, which this makes ready for it."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.update(environment)

    from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    flow: Flow[..., Any] = getattr(importlib.import_module(f"flows.{name}"), name)

    # The heartbeat's thread holds up the end of each run by a second.
    with temporary_settings({PREFECT_API_URL: environment["PREFECT_API_URL"], PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield flow


def _run_flow(environment: dict[str, str], log: Path, name: str, parameters: dict[str, Any], run_id: str = "") -> None:
    with _flow_of(environment, log, name) as flow:
        if run_id:
            _take_up(flow, run_id, parameters)
        else:
            flow(**parameters)


def _run_in_turn(environment: dict[str, str], log: Path, name: str, all_parameters: list[dict[str, Any]]) -> None:
    failed = 0
    with _flow_of(environment, log, name) as flow:
        for parameters in all_parameters:
            try:
                flow(**parameters)
            except ImsError as error:
                sys.stderr.write(f"{error}\n")
                failed += 1
    sys.exit(failed)


def _take_up(flow: "Flow[..., Any]", run_id: str, parameters: dict[str, Any]) -> None:
    """Run a flow run again, as a worker does when somebody retries it."""
    from prefect.client.orchestration import get_client
    from prefect.flow_engine import run_flow
    from prefect.states import AwaitingRetry

    with get_client(sync_client=True) as client:
        client.set_flow_run_state(UUID(run_id), AwaitingRetry(), force=True)
        run = client.read_flow_run(UUID(run_id))
    run_flow(flow, flow_run=run, parameters=parameters)


def _run_hook(environment: dict[str, str], name: str, run_id: str, parameters: dict[str, str]) -> None:
    os.environ.update(environment)

    from prefect.client.schemas.objects import FlowRun, State
    from prefect.states import Cancelled, Crashed

    from flows import hooks
    from flows.create_image import create_image

    run = FlowRun(id=UUID(run_id), flow_id=UUID(run_id), parameters=parameters)
    state: State[None] = Crashed() if name == "mark_jobs_crashed" else Cancelled()
    getattr(hooks, name)(create_image, run, state)
