"""Running one step of a job in a pod: started once, adopted after a crash, its log kept in S3."""

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path

from builder.contract.environment import Input
from builder.contract.inputs import JobInput
from config.settings import settings
from errors import PermanentError
from pods.kubernetes.options import KubernetesOptions
from pods.manifest import Claim, Pod
from pods.podman.runtime import Podman
from pods.runtime import Outcome, Phase, PodRuntime
from storage.models.jobs import Diagnosis, Job
from storage.models.layout import job_key
from storage.models.records import Link
from storage.records import jobs
from storage.records.catalogue import catalogue
from storage.s3.objects import object_store
from tasks.attempts import attempt_of
from tasks.builder_images import builder_image
from tasks.diagnoses import show_diagnosis
from tasks.resources import resources_of
from tasks.workspaces import scratch

logger = logging.getLogger(__name__)


class StepFailed(PermanentError):
    """A step's pod failed."""

    def __init__(self, diagnosis: Diagnosis) -> None:
        """Keep the diagnosis for the job's record."""
        super().__init__(f"{diagnosis.step}: {diagnosis.summary}", resolution=diagnosis.resolution)
        self.diagnosis = diagnosis


@cache
def runtime() -> PodRuntime:
    """Return what runs the pods, as the settings say."""
    if settings().pods.runtime == "kubernetes":
        # Its client takes a quarter of a second to import.
        from pods.kubernetes.runtime import Kubernetes

        return Kubernetes(kubernetes_options())
    return Podman(settings().data_dir / "podman", settings().shells.address)


def kubernetes_options() -> KubernetesOptions:
    """Return what the settings say of the cluster, and what a folder of a node is emptied by."""
    return KubernetesOptions(
        **settings().kubernetes.model_dump(), tools_image=builder_image(), tools_resources=resources_of("release")
    )


def run_step(
    job: Job,
    step: str,
    program: str,
    told: Input,
    *,
    deadline: timedelta,
    privileged: bool = False,
    root: bool = True,
    workspace: bool = True,
    serves: bool = False,
    image: str = "",
    on_line: Callable[[str], None] = logger.info,
) -> Outcome:
    """Run one of the builder's programs in a pod of the job, to its end.

    Safe to repeat: a pod that runs is followed, however earlier attempts ended; one that has succeeded is
    not run again, and one that was lost is replaced by the next attempt.

    Args:
        job: The job.
        step: The step's name, which the pod's name and the log's key are made of.
        program: The module of builder/programs.
        told: The input of the program.
        deadline: How long the pod may run.
        privileged: Whether the program mounts.
        root: Whether the program reads files of every owner.
        workspace: Whether the program reads files of other steps, or writes files for them.
        serves: Whether the program serves on a port that is to be reached from outside.
        image: The builder image to run it in; empty for the usual one.
        on_line: Gets each line of the log.

    Raises:
        StepFailed: The pod failed and would fail again.
        Exhausted: It was lost, or could not reach a server, at every attempt.
        HoldLost: Another process works on the job.
    """
    claim = Claim(job_id=job.id, size_gib=job.build_env_size)
    if workspace:
        runtime().create_claim(claim)
    while True:
        pod = Pod(
            job_id=job.id,
            step=step,
            attempt=attempt_of(job, step, runtime()),
            image=image or builder_image(),
            command=["python3", "-m", f"builder.programs.{program}"],
            env=JobInput(id=job.id, arch=job.arch).to_environment() | told.to_environment(),
            claim=claim.name if workspace else "",
            privileged=privileged,
            root=root,
            arch=job.arch,
            serves=serves,
            memory_gib=job.job_mem_size,
            resources=resources_of(step),
            deadline=deadline,
            host_network=_host_network(),
        )
        log = scratch(job.id) / f"{step}.log"
        outcome = runtime().run(pod, log=log, on_line=on_line)
        _keep_log(job, step, log)
        if outcome.phase is Phase.SUCCEEDED:
            return outcome
        if not outcome.transient:
            diagnosis = _diagnosis(job, step, outcome)
            show_diagnosis(diagnosis)
            raise StepFailed(diagnosis)
        logger.warning("%s: %s", step, outcome.summary)


def _diagnosis(job: Job, step: str, outcome: Outcome) -> Diagnosis:
    return Diagnosis(
        category=outcome.category,
        summary=outcome.summary,
        resolution=outcome.resolution or f"read the whole log: s3://{settings().bucket}/{_log_key(job, step)}",
        step=step,
        exit_code=outcome.exit_code,
        events=outcome.events,
        log_tail=outcome.log_tail,
    )


def _log_key(job: Job, step: str) -> str:
    return job_key(job.id, f"{step}.log")


def _keep_log(job: Job, step: str, log: Path) -> None:
    bucket, key = settings().bucket, _log_key(job, step)
    kept = object_store().write_file(bucket, key, log, content_type="text/plain; charset=utf-8", metadata={})
    link = Link(path=f"s3://{bucket}/{key}", etag=kept.etag)
    others = [known for known in catalogue().jobs.get(job.id).logs if known.path != link.path]
    jobs.report(catalogue(), job, logs=[*others, link])


def _host_network() -> bool:
    """Return whether pods need the host's network: an S3 server on a loopback address is not reached from another."""
    chosen = settings().pods.host_network
    return settings().s3.is_on_loopback if chosen is None else chosen
