"""The shells of a job: SSH servers in pods. A shell is ended by its user, by an order from outside, or by its limits.

A shell outlives the flow's process: the next run of the job finds it and waits on. Orders go by a document in S3
(storage/records/shell_orders.py), so they need no flow either.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Literal

import httpx
from prefect.artifacts import create_markdown_artifact

from builder.contract.environment import Input
from builder.contract.inputs import CustomizeShellInput, DebugShellInput, ShellInput
from builder.contract.lines import MEND_HERE, SHELL_GOES_ON, SHELL_LOST, ShellReady, after
from builder.contract.shell_orders import Operation
from config.settings import settings
from pods.runtime import Endpoint
from storage.models.jobs import Diagnosis, Job, JobStatus
from storage.models.layout import shell_orders_key
from storage.models.shells import DEBUG, Address, ConnectionInfo, SshContainer
from storage.records import jobs, shell_orders
from storage.records.catalogue import catalogue
from storage.records.public_keys import ssh_key_of_job
from storage.records.shell_orders import LONGEST
from storage.s3.objects import object_store
from tasks.contexts import Context
from tasks.jobs import report
from tasks.originals import Original, root_input
from tasks.pods import StepFailed, run_step, runtime
from tasks.retries import retryable

logger = logging.getLogger(__name__)

# The pod ends by itself at its limit, and reports that; its deadline is for the case that it does not.
SLACK = timedelta(minutes=1)

Report = Callable[[SshContainer], None]


@contextmanager
def debug_shell_on_failure(job: Job) -> Iterator[None]:
    """When a step in the block fails and the job asks for debugging, open a shell and wait for its end.

    Raises:
        StepFailed: What the block has raised, once the shell has ended.
    """
    try:
        yield
    except StepFailed as failure:
        if job.enable_debug:
            open_debug_shell(failure.diagnosis, job)
        raise


@retryable
def open_debug_shell(diagnosis: Diagnosis, job: Job) -> None:
    """Open a shell into what a failed build has left, and wait until its user ends it or its time is up.

    Safe to repeat: a shell that is open is found, and waited for again.

    Args:
        diagnosis: Why the build failed; the job's record says so while the shell is open.
        job: The job, whose public key opens the shell.

    Raises:
        StepFailed: The shell does not open.
    """

    def report_open(shell: SshContainer) -> None:
        jobs.report_shell(catalogue(), job, shell, status=JobStatus.WAITING_ON_USER, diagnosis=diagnosis)
        logger.warning("the build failed; look around with: %s (host key %s)", shell.command, shell.host_key)
        _publish(shell, job, f"The build failed: {diagnosis.summary}")

    _serve("debug-shell", "debug_shell", SshContainer(name=DEBUG), DebugShellInput(shell=_shell(job)), report_open, job)


@retryable
def open_customize_shell(original: Original, context: Context, job: Job) -> None:
    """Open a shell into the image root, and wait until its user has completed it.

    Where the pod may mount, the shell opens before the rootfs is downloaded: what its user reads is fetched first, the
    rest meanwhile. Safe to repeat: a shell that is open is found, and waited for again; one that was completed is not
    opened again.

    Raises:
        StepFailed: The user gave up, or the time was up, or the rootfs is broken; nothing is to be packed then.
    """
    asked = job.asked.ssh_containers[0]

    def report_open(shell: SshContainer) -> None:
        jobs.report_shell(catalogue(), job, shell, status=JobStatus.WAITING_ON_USER, diagnosis=None)
        logger.info("customize the image with: %s (host key %s)", shell.command, shell.host_key)
        _publish(shell, job, f"Customize the image root of {job.image_root_archive_name}")

    told = CustomizeShellInput(shell=_shell(job), root=root_input(original, context, LONGEST), jail=asked.jail)
    _serve("shell", "customize_shell", SshContainer(name=asked.name, jail=asked.jail), told, report_open, job)


@retryable
def order_shell(job_id: str, operation: Literal["complete", "abort", "extend"], by: timedelta) -> None:
    """Order the end of a job's shell, or give it more time.

    Raises:
        NotFound: No such job.
        Conflict: No shell of the job is open.
        BadInput: A shell cannot stay open for so long.
    """
    job, store, bucket = catalogue().jobs.get(job_id), object_store(), settings().bucket
    if operation == "extend":
        until = shell_orders.extend_shell(store, bucket, job, by)
        logger.info("the shell of job %s ends at %s", job_id, f"{until:%Y-%m-%d %H:%M} UTC")
        return
    shell_orders.end_shell(store, bucket, job, Operation(operation))
    logger.info("the shell of job %s is to %s; the job's own run reports the result", job_id, operation)


def connection_of(endpoint: Endpoint) -> ConnectionInfo:
    """Return how a shell is reached, as a job's record has it: for users, and for pods of the same cluster."""
    access = Address(host=endpoint.host, port=endpoint.port)
    if not endpoint.cluster_host:
        return ConnectionInfo(customer_access=access)
    within = Address(host=endpoint.cluster_host, port=endpoint.cluster_port)
    return ConnectionInfo.model_validate({"customer_access": access, "cluster.local": within})


def _shell(job: Job) -> ShellInput:
    chosen = settings()
    return ShellInput(
        public_key=ssh_key_of_job(catalogue(), job).authorized_line,
        address=runtime().listen_address,
        seconds=int(chosen.shells.limit.total_seconds()),
        idle_seconds=int(chosen.shells.idle_limit.total_seconds()),
        orders_url=object_store().presigned_get(chosen.bucket, shell_orders_key(job.id), LONGEST),
        forwarding=chosen.shells.forwarding,
    )


def _serve(step: str, program: str, shell: SshContainer, told: Input, report_open: Report, job: Job) -> None:
    """Run the pod of a shell to its end; its job's record says where it listens, and why it goes on."""
    shell_orders.open_orders(object_store(), settings().bucket, job.id, step, settings().shells.limit)

    def on_line(line: str) -> None:
        logger.info("%s", line)
        if ready := ShellReady.parse(line):
            access = connection_of(runtime().publish(job.id, step, ready.port))
            running = {"status": "running", "connection_info": access, "host_key": ready.fingerprint}
            report_open(shell.model_copy(update=running))
        if reason := after(SHELL_GOES_ON, line):
            report(job, diagnosis=_not_complete(reason))
        if loss := after(SHELL_LOST, line):
            report(job, diagnosis=_lost(loss, step))

    # It may be extended, and a pod's deadline may not.
    deadline = LONGEST + SLACK
    run_step(job, step, program, told, deadline=deadline, privileged=True, serves=True, on_line=on_line)
    jobs.end_shells(catalogue(), job.id)


def _not_complete(reason: str) -> Diagnosis:
    what, _, mend = reason.partition(MEND_HERE)
    there = f" (`{mend}`)" if mend else ""
    return Diagnosis(
        category=Diagnosis.NOT_COMPLETE,
        summary=what,
        resolution=f"the shell goes on: correct the root there{there or ','} and complete it again",
        step="shell",
    )


def _lost(what: str, step: str) -> Diagnosis:
    return Diagnosis(
        category="LostInShell", summary=what, resolution="the shell goes on: check there what is missing", step=step
    )


def _publish(shell: SshContainer, job: Job, what: str) -> None:
    """Show in Prefect's interface how the shell is reached; the log and the record say it anyway."""
    text = f"""\
{what}:

    {shell.command}

The host key is `{shell.host_key}`. `touch {shell.complete_file}` in the shell ends it, and so does
`ims jobs complete {job.id}`, or the deployment `finish-shell`.
"""
    try:
        create_markdown_artifact(text, key=f"shell-{job.id}", description=f"The shell of job {job.id}")
    except httpx.HTTPError as error:
        logger.warning("Prefect does not take the artifact of the shell: %s", error)
