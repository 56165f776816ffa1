"""Preparing a worker for servers that are there already; then this process becomes Prefect's worker.

What ends the container or the host ends the flow runs with it: the next worker of the same name resumes them.
"""

import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from prefect.settings import PREFECT_API_URL

from cli.servers.errors import ServiceErrors
from cli.servers.log import PREFECT, ServiceLog
from cli.servers.lost_runs import resume_lost_runs
from cli.servers.prefect_processes import DEPLOY, LOGGING, ROOT, START_LIMIT, answers, worker_command
from errors import BadInput, Broken, Unreachable
from runs.client import connected
from runs.loggers import EXTRA_LOGGERS, extra_loggers
from runs.work_pool import WORK_POOL
from storage.records.catalogue import catalogue
from storage.s3.objects import ensure_buckets


def prepare(name: str, say: Callable[[str], None]) -> None:
    """Make what is missing, deploy the flows, and resume the runs that a worker of this name left.

    Safe to repeat, as long as no worker of this name is running.

    Raises:
        BadInput: No S3 server or no Prefect server is configured.
        Unreachable: The Prefect server does not answer.
        Broken: The flows cannot be deployed.
    """
    address = PREFECT_API_URL.value()
    if not address:
        raise BadInput("no Prefect server is configured", resolution="set PREFECT_API_URL to its API")
    ensure_buckets()
    say(f"Waiting for the Prefect server {address}")
    if not answers(address):
        raise Unreachable(
            f"the Prefect server {address} did not answer within {START_LIMIT}",
            resolution="see whether it runs, and whether PREFECT_API_URL names the right one",
        )
    with connected(address) as runs:
        runs.pool.make()
        _deploy(say)
        resume_lost_runs(runs, catalogue(), say, name.__eq__)


def serve(name: str, limit: int, health_port: int) -> NoReturn:
    """Become Prefect's worker."""
    command = [*worker_command(WORK_POOL, name), "--limit", str(limit)]
    os.environ[EXTRA_LOGGERS] = extra_loggers(os.environ.get(EXTRA_LOGGERS, ""))
    for variable, value in LOGGING.items():
        os.environ.setdefault(variable, value)
    if health_port:
        os.environ["PREFECT_WORKER_WEBSERVER_PORT"] = str(health_port)
        command.append("--with-healthcheck")
    os.execv(command[0], command)


def _deploy(say: Callable[[str], None]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "prefect-deploy.log"
        with log.open("wb") as output:
            ran = subprocess.run(DEPLOY, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, check=False)
        if ran.returncode:
            raise Broken(f"the flows of {ROOT / 'prefect.yaml'} cannot be deployed:\n{log.read_text()}")
        for kind in ServiceErrors([ServiceLog("deploying the flows", log, PREFECT)]).new_kinds(final=True):
            say(kind.summary)
