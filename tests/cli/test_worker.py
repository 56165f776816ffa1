"""`ims worker`, two of them on one host, and a real Prefect server: they share the runs, and each takes up its own."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Scheduled

from cli.worker import default_limit
from flows.deployments import CREATE_IMAGE
from runs.run import WORKER_LABEL
from runs.work_pool import WORK_POOL
from storage.models.records import PublicKey, Recipe
from storage.records.catalogue import Catalogue
from tests.cli.conftest import run_ims
from tests.cli.running import DESCRIPTION, KEY, process_of, start_worker, wait_for
from tests.prefect_server import prefect_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

START_SECONDS = 150
# Prefect tries a call again for minutes while its SQLite is locked, as it is on a busy host.
SHARE_SECONDS = 240
RUNS = 4
Start = Callable[[str], "Worker"]


class Worker:
    """An `ims worker`.

    Args:
        name: Its name.
        environment: Its environment.
        log: Where its output goes.
    """

    def __init__(self, name: str, environment: dict[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self.process = start_worker(name, environment, log)

    def await_start(self) -> None:
        def has_started() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            return f"Worker '{self.name}' started!" in self.log.read_text()

        wait_for(has_started, START_SECONDS, self.log)

    def kill(self) -> None:
        """Kill the worker alone, as the kernel's OOM killer would."""
        self.process.kill()
        self.process.wait()

    def taken_up(self) -> set[str]:
        return set(re.findall(r"Resumed: flow run (\S+)", self.log.read_text()))


@pytest.fixture
def prefect(tmp_path: Path) -> Iterator[str]:
    """A Prefect server; its API's address."""
    with prefect_server(tmp_path / "server") as address:
        yield address


@pytest.fixture
def client(prefect: str) -> Iterator[SyncPrefectClient]:
    with SyncPrefectClient(prefect, httpx_settings={"trust_env": False}) as client:
        yield client


@pytest.fixture
def start(environment: dict[str, str], prefect: str, tmp_path: Path) -> Iterator[Start]:
    """Start workers, which end with the test."""
    started: list[Worker] = []
    told = environment | {
        "PREFECT_API_URL": prefect,
        "PREFECT_HOME": str(tmp_path / "home"),
        "PREFECT_WORKER_QUERY_SECONDS": "3",
        "IMS_REPOSITORY_LIMIT": "1h",
        "IMS_BUILDER_IMAGE": "localhost/unused",
    }

    def begin(name: str) -> Worker:
        started.append(Worker(name, told, tmp_path / f"{name}-{len(started)}.log"))
        return started[-1]

    yield begin
    for worker in started:
        # pytest shows it when the test failed.
        print(worker.log.read_text())
        if worker.process.poll() is None:
            worker.kill()


@pytest.fixture
def parameters(environment: dict[str, str], catalogue: Catalogue, tmp_path: Path) -> dict[str, str]:
    """The parameters of a run that waits for a repository, and starts no pod."""
    (tmp_path / "waiting").mkdir()
    (tmp_path / "waiting" / "config.xml").write_text(DESCRIPTION)
    command = ("recipes", "create", "--name", "waiting", "--linux-distribution", "sles15", "--format", "json")
    created = run_ims((*command, "--file", str(tmp_path / "waiting")), environment)
    recipe = Recipe.model_validate_json(created.stdout)
    key = catalogue.public_keys.create(PublicKey(name="me", public_key=KEY))
    return {"recipe_id": recipe.id, "public_key_id": key.id, "image_root_archive_name": "image"}


def schedule(client: SyncPrefectClient, parameters: dict[str, str], number: int) -> None:
    """Have runs be due all at the same moment."""
    deployment = client.read_deployment_by_name(CREATE_IMAGE)
    due: State[object] = Scheduled(scheduled_time=datetime.now(UTC) + timedelta(seconds=20))
    for _ in range(number):
        client.create_flow_run_from_deployment(deployment.id, parameters=parameters, state=due)


def by_worker(client: SyncPrefectClient) -> dict[str, set[str]]:
    """Return the ids of the runs that are at work, by their workers."""
    found: dict[str, set[str]] = {}
    for run in client.read_flow_runs():
        if is_at_work(run):
            found.setdefault(str(run.labels.get(WORKER_LABEL)), set()).add(str(run.id))
    return found


def is_at_work(run: FlowRun) -> bool:
    return run.state is not None and run.state.type.value == "RUNNING"


def test_two_workers_share_the_runs_and_each_takes_up_its_own(
    start: Start, client: SyncPrefectClient, parameters: dict[str, str]
) -> None:
    # Both at once: each makes the pool and deploys the flows.
    a, b = start("a"), start("b")
    for worker in (a, b):
        worker.await_start()
    schedule(client, parameters, RUNS)
    wait_for(lambda: sum(map(len, by_worker(client).values())) == RUNS, SHARE_SECONDS, a.log)
    had = by_worker(client)
    print("shared:", {name: len(runs) for name, runs in had.items()})
    assert {name: len(runs) for name, runs in had.items()} == {"a": RUNS // 2, "b": RUNS // 2}

    processes = {run: process_of(run) for runs in had.values() for run in runs}
    a.kill()
    wait_for(lambda: not [pid for run in had["a"] if is_alive(pid := processes[run])], 10, a.log)
    again = start("a")
    again.await_start()
    assert again.taken_up() == had["a"]
    wait_for(lambda: sum(map(len, by_worker(client).values())) == RUNS, SHARE_SECONDS, again.log)
    # They went back to it: on Podman their pods are on its host. Those of the other were left alone.
    assert by_worker(client) == had
    assert {run: process_of(run) for run in had["b"]} == {run: processes[run] for run in had["b"]}

    # A run that is due to a worker that is not there is not lost: it is taken after a while.
    client.request(
        "POST",
        "/work_pools/{work_pool_name}/workers/heartbeat",
        path_params={"work_pool_name": WORK_POOL},
        json={"name": "A-is-gone"},
    )
    schedule(client, parameters, 1)
    wait_for(lambda: sum(map(len, by_worker(client).values())) == RUNS + 1, SHARE_SECONDS, again.log)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z")


def test_a_worker_that_is_ended_in_order_stops_its_runs(
    start: Start, client: SyncPrefectClient, parameters: dict[str, str]
) -> None:
    worker = start("alone")
    worker.await_start()
    schedule(client, parameters, 1)
    wait_for(lambda: bool(by_worker(client)), 120, worker.log)
    [run] = by_worker(client)["alone"]
    pid = process_of(run)
    worker.process.send_signal(signal.SIGTERM)
    worker.process.wait(90)
    assert not is_alive(pid)


def test_the_limit_follows_from_the_processors_and_leaves_room_for_runs_that_wait() -> None:
    assert default_limit() >= 10
    assert default_limit() >= 2 * len(os.sched_getaffinity(0))
