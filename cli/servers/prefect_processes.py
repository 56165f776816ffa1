"""Prefect as `ims up` runs it: a server of our own, the deployments of prefect.yaml, and a worker that serves them."""

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import httpx

import cli
from cli.servers.child import WITH_US, Child
from cli.servers.data_folder import Endpoints
from config.settings import settings
from errors import Broken, Conflict, LimitReached
from runs.loggers import EXTRA_LOGGERS, extra_loggers

LOOPBACK = "127.0.0.1"
# Prefect's usual port; another one is taken when it is in use.
USUAL_PORT = 4200
# The first start makes the database: 8 to 23 s on two cores, more when they are busy.
START_LIMIT = timedelta(seconds=180)
ROOT = Path(cli.__file__).parents[1]
DATABASE = "PREFECT_SERVER_DATABASE_CONNECTION_URL"
# cli/servers/immediate_transactions.py, as pyproject.toml names it.
IMMEDIATE_TRANSACTIONS = "ims-immediate"
# The variables that name another database than the one in the data folder.
OTHER_DATABASE = (DATABASE, "PREFECT_SERVER_DATABASE_DRIVER")
PREFECT = [sys.executable, "-m", "prefect"]
# The same commands, with a worker that shares the runs with other workers.
WORKER = [sys.executable, "-m", "flows.worker"]
DEPLOY = [*PREFECT, "--no-prompt", "deploy", "--all"]
FLOW_RUN = [*WITH_US, sys.executable, "-m", "prefect.engine"]
# Prefect leaves these errors out of its log, as clients try again: they would be seen only when a client gives up.
COMPLETE_LOG = {"PREFECT_SERVER_LOG_RETRYABLE_ERRORS": "true"}
LOGGING = {
    EXTRA_LOGGERS: extra_loggers(),
    # A cancelled run's hook logs in the worker's process, outside of any flow run.
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
}
OFFLINE = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
}


def prefect_port(wanted: int) -> int:
    """Return the port for the Prefect server: the one wanted, or, for 0, the usual one or any that is free.

    Raises:
        Conflict: The port that is wanted is in use.
    """
    for port in [wanted] if wanted else [USUAL_PORT, 0]:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise Conflict(f"port {wanted} is in use", resolution="leave --prefect-port out to take a free one")


def api_url(port: int) -> str:
    """Return the address of the API of a Prefect server on this host."""
    return f"http://{LOOPBACK}:{port}/api"


def environment(data_dir: Path, endpoints: Endpoints) -> dict[str, str]:
    """Return the environment of Prefect's processes and of the flow runs: ours, and how all services are reached.

    A Prefect server that our own environment or profile names is not used.
    """
    ours = {
        name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_API_", "PREFECT_PROFILE"))
    }
    loopback = f"{LOOPBACK},localhost"
    without_proxy = ",".join(filter(None, [ours.get("NO_PROXY") or ours.get("no_proxy"), loopback]))
    return {
        **ours,
        **OFFLINE,
        **COMPLETE_LOG,
        "NO_PROXY": without_proxy,
        "no_proxy": without_proxy,
        "PREFECT_HOME": str(data_dir / "prefect"),
        "PREFECT_API_URL": endpoints.prefect_api_url,
        **LOGGING,
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        **({} if any(name in ours for name in OTHER_DATABASE) else {DATABASE: database_url(data_dir / "prefect")}),
        "IMS_DATA_DIR": str(data_dir),
        # Their working folders are not ours.
        **({"IMS_SITE_FILE": str(site.absolute())} if (site := settings().site_file) else {}),
        "IMS_S3_ENDPOINT_URL": endpoints.s3_endpoint_url,
        "IMS_S3_ACCESS_KEY": endpoints.s3_access_key,
        "IMS_S3_SECRET_KEY": endpoints.s3_secret_key,
    }


def database_url(folder: Path) -> str:
    """Return the address of the server's database in a folder, where Prefect has it by itself."""
    return f"sqlite+aiosqlite:///{folder / 'prefect.db'}?plugin={IMMEDIATE_TRANSACTIONS}"


def server(env: Mapping[str, str], logs: Path) -> Child:
    """Return the Prefect server."""
    address = httpx.URL(env["PREFECT_API_URL"])
    command = [*PREFECT, "server", "start", "--host", LOOPBACK, "--port", str(address.port)]
    return Child("the Prefect server", command, env=env, log=logs / "prefect-server.log")


def worker(env: Mapping[str, str], logs: Path, pool: str) -> Child:
    """Return the worker, which runs each flow run in a process that ends with it."""
    return Child("the Prefect worker", worker_command(pool, worker_name()), env=env, log=logs / "prefect-worker.log")


def worker_command(pool: str, name: str) -> list[str]:
    """Return the command that serves a pool by processes."""
    command = [*WORKER, "worker", "start", "--pool", pool, "--type", "process", "--name", name]
    return [*command, "--install-policy", "never"]


def worker_name() -> str:
    """Return the name of this process's worker."""
    from runs.work_pool import UP_WORKER

    return f"{UP_WORKER}{os.getpid()}"


def is_of_ims_up(worker: str) -> bool:
    """Tell by its name whether a worker is that of an `ims up`; a run without a worker counts as a run of `ims up`."""
    from runs.work_pool import UP_WORKER

    return not worker or worker.startswith(UP_WORKER)


def await_server(child: Child) -> None:
    """Wait until the Prefect server answers.

    Raises:
        Conflict: Another program has taken its port; nothing of that was touched.
        Broken: It ended.
        LimitReached: It runs, and does not answer.
    """
    address = child.env["PREFECT_API_URL"]
    try:
        home = _home(address, child.check) if answers(address, child.check, direct=True) else None
    except Broken as error:
        if any("already in use" in line for line in child.last_lines()):
            raise _taken(address) from error
        raise
    if home is None:
        raise LimitReached(f"{child.name} did not answer within {START_LIMIT}", resolution=f"see {child.log}")
    # The port was free when it was chosen. Another `ims up` may have opened it first, and its server answers: we
    # would go on to resume and cancel runs of that server.
    if home != child.env["PREFECT_HOME"]:
        raise _taken(address)


def _home(address: str, before_each: Callable[[], None]) -> str | None:
    """Return the folder that the Prefect server at an address keeps its data in.

    Empty when the answer is none of Prefect's; None when no answer comes within the limit. A server that has just
    started on a busy host may leave a request unanswered: that does not show that another program has the port.
    """
    for _ in _polls(START_LIMIT):
        before_each()
        try:
            answer = httpx.get(f"{address}/admin/settings", trust_env=False, timeout=5)
        except httpx.TransportError:
            continue
        try:
            return str(answer.raise_for_status().json()["home"])
        except (httpx.HTTPStatusError, ValueError, KeyError, TypeError):
            return ""
    return None


def _taken(address: str) -> Conflict:
    return Conflict(
        f"port {httpx.URL(address).port} was taken by another program while the Prefect server was starting",
        resolution="start `ims up` again, or choose another --prefect-port",
    )


def answers(address: str, before_each: Callable[[], None] = lambda: None, *, direct: bool = False) -> bool:
    """Wait until a Prefect server answers, and tell whether it does within the limit on its start.

    Args:
        address: Its API's address.
        before_each: Called before each question.
        direct: Whether to ignore a proxy that the environment names.
    """
    with httpx.Client(trust_env=not direct, timeout=5) as client:
        for _ in _polls(START_LIMIT):
            before_each()
            try:
                if client.get(f"{address}/health").is_success:
                    return True
            except httpx.TransportError:
                continue
    return False


def await_worker(child: Child, workers: Callable[[], set[str]]) -> None:
    """Wait until the worker is registered at the server.

    Args:
        child: The worker.
        workers: Returns the names of the workers that are registered.

    Raises:
        Broken: It ended.
        LimitReached: It runs, and does not register.
    """
    for _ in _polls(START_LIMIT):
        child.check()
        if worker_name() in workers():
            return
    raise LimitReached(f"{child.name} did not register within {START_LIMIT}", resolution=f"see {child.log}")


def deployment(env: Mapping[str, str], logs: Path) -> Child:
    """Return the program that deploys all flows of prefect.yaml."""
    return Child(f"deploying {ROOT / 'prefect.yaml'}", DEPLOY, env=env, log=logs / "prefect-deploy.log", folder=ROOT)


def _polls(limit: timedelta, pause_seconds: float = 0.3) -> Iterator[None]:
    """Yield at once and then after each pause, until the limit is reached."""
    end = time.monotonic() + limit.total_seconds()
    while time.monotonic() < end:
        yield
        time.sleep(pause_seconds)
