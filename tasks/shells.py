"""The debug shell: an SSH server in the workspace of a build that failed."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from storage.catalogue import catalogue
from storage.models import Diagnosis, Job, JobStatus
from storage.settings import settings
from storage.shells import Address, ConnectionInfo, SshContainer
from tasks.jobs import report
from tasks.pods import StepFailed, run_step
from tasks.retries import retryable

logger = logging.getLogger("ims.shells")

# builder/programs/shell.py says so when its server listens.
READY = re.compile(r"shell ready: (\d+) (\S+)")
# The pod ends by itself at its limit, and says so; its deadline is for the case that it does not.
SLACK = timedelta(minutes=1)


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
    key = catalogue().public_keys.get(job.public_key_id).public_key
    limit, address = settings().shell_limit, settings().shell_address

    def on_line(line: str) -> None:
        logger.info("%s", line)
        if ready := READY.fullmatch(line):
            _tell(job, diagnosis, address, int(ready[1]), ready[2])

    run_step(
        job,
        "shell",
        "shell",
        {
            "IMS_PUBLIC_KEY": key,
            "IMS_SSH_ADDRESS": address,
            "IMS_SHELL_SECONDS": str(int(limit.total_seconds())),
        },
        deadline=limit + SLACK,
        privileged=True,
        host_network=True,
        on_line=on_line,
    )
    report(job, ssh_containers=[SshContainer(name="debug", status="ended")])


def _tell(job: Job, diagnosis: Diagnosis, address: str, port: int, fingerprint: str) -> None:
    shell = SshContainer(
        name="debug",
        status="running",
        connection_info=ConnectionInfo(customer_access=Address(host=address, port=port)),
        host_key=fingerprint,
    )
    report(job, status=JobStatus.WAITING_ON_USER, diagnosis=diagnosis, ssh_containers=[shell])
    logger.warning("the build failed; look around with: %s (host key %s)", shell.command, fingerprint)
