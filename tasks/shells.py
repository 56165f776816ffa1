"""The shells of a job: SSH servers in pods, which its user, an order from outside or their limits end.

A shell outlives the flow's process: the next run of the job finds it and waits on. Orders go by a document in S3
(storage/records/shell_orders.py), so they need no flow either.
"""

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Literal

import httpx
from prefect.artifacts import create_markdown_artifact

from config.settings import settings
from storage.models.jobs import Diagnosis, Job, JobStatus
from storage.models.layout import shell_orders_key
from storage.models.shells import DEBUG, Address, ConnectionInfo, SshContainer
from storage.records import jobs, shell_orders
from storage.records.catalogue import catalogue
from storage.records.shell_orders import LONGEST, Operation
from storage.s3.objects import object_store
from tasks.contexts import Context
from tasks.jobs import report
from tasks.originals import Original, root_environment
from tasks.pods import StepFailed, run_step, runtime
from tasks.retries import retryable

logger = logging.getLogger(__name__)

# What builder/pod/shell/shell.py says when its server listens, and when it cannot be completed.
READY = re.compile(r"shell ready: (\d+) (\S+)")
GOES_ON = re.compile(r"shell goes on: (.+)")
LOST = re.compile(r"shell lost: (.+)")
# The pod ends by itself at its limit, and says so; its deadline is for the case that it does not.
SLACK = timedelta(minutes=1)

Tell = Callable[[SshContainer], None]


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
    """Open a shell into what a failed build has left, and wait until its user has seen enough or its time is up.

    Safe to repeat: a shell that is open is found, and waited for again.

    Args:
        diagnosis: Why the build failed; the job's record says so while the shell is open.
        job: The job, whose public key opens the shell.

    Raises:
        StepFailed: The shell does not open.
    """

    def tell(shell: SshContainer) -> None:
        jobs.report_shell(catalogue(), job, shell, status=JobStatus.WAITING_ON_USER, diagnosis=diagnosis)
        logger.warning("the build failed; look around with: %s (host key %s)", shell.command, shell.host_key)
        _publish(shell, job, f"The build failed: {diagnosis.summary}")

    _serve("debug-shell", "debug_shell", SshContainer(name=DEBUG), {}, tell, job)


@retryable
def open_customize_shell(original: Original, context: Context, job: Job) -> None:
    """Open a shell into the image root, and wait until its user has made of it what is to be packed.

    The shell is there before the rootfs is, where the pod may mount: what its user looks at comes first, the rest
    meanwhile. Safe to repeat: a shell that is open is found, and waited for again; one that was completed is not opened
    again.

    Raises:
        StepFailed: The user gave up, or the time was up, or the rootfs is broken; nothing is to be packed then.
    """
    asked = job.asked.ssh_containers[0]

    def tell(shell: SshContainer) -> None:
        jobs.report_shell(catalogue(), job, shell, status=JobStatus.WAITING_ON_USER, diagnosis=None)
        logger.info("customize the image with: %s (host key %s)", shell.command, shell.host_key)
        _publish(shell, job, f"Customize the image root of {job.image_root_archive_name}")

    environment = {"IMS_JAIL": "yes" if asked.jail else "no", **root_environment(original, context, LONGEST)}
    _serve("shell", "customize_shell", SshContainer(name=asked.name, jail=asked.jail), environment, tell, job)


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
    logger.info("the shell of job %s is to %s; the job's own run tells what comes of it", job_id, operation)


def _serve(step: str, program: str, shell: SshContainer, more: Mapping[str, str], tell: Tell, job: Job) -> None:
    """Run the pod of a shell to its end; its job's record says where it listens, and why it goes on."""
    store, bucket = object_store(), settings().bucket
    shell_orders.open_orders(store, bucket, job.id, step, settings().shells.limit)

    def on_line(line: str) -> None:
        logger.info("%s", line)
        if ready := READY.fullmatch(line):
            reached = runtime().publish(job.id, step, int(ready[1]))
            access = ConnectionInfo(customer_access=Address(host=reached.host, port=reached.port))
            tell(shell.model_copy(update={"status": "running", "connection_info": access, "host_key": ready[2]}))
        if goes_on := GOES_ON.fullmatch(line):
            report(job, diagnosis=_not_complete(goes_on[1]))
        if lost := LOST.fullmatch(line):
            report(job, diagnosis=_lost(lost[1], step))

    environment = {
        "IMS_PUBLIC_KEY": catalogue().public_keys.get(job.public_key_id).public_key,
        "IMS_SSH_ADDRESS": runtime().listen_address,
        "IMS_SHELL_SECONDS": str(int(settings().shells.limit.total_seconds())),
        "IMS_SHELL_IDLE_SECONDS": str(int(settings().shells.idle_limit.total_seconds())),
        "IMS_SHELL_ORDERS_URL": store.presigned_get(bucket, shell_orders_key(job.id), LONGEST),
        "IMS_SHELL_FORWARDING": "yes" if settings().shells.forwarding else "no",
        **more,
    }
    # It may be extended, and a pod's deadline may not.
    deadline = LONGEST + SLACK
    run_step(job, step, program, environment, deadline=deadline, privileged=True, serves=True, on_line=on_line)
    jobs.end_shells(catalogue(), job.id)


def _not_complete(reason: str) -> Diagnosis:
    return Diagnosis(
        category=Diagnosis.NOT_COMPLETE,
        summary=reason,
        resolution="the shell goes on: put it right there, and complete it again",
        step="shell",
    )


def _lost(what: str, step: str) -> Diagnosis:
    return Diagnosis(category="LostInShell", summary=what, resolution="the shell goes on: look through it", step=step)


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
