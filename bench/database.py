"""What becomes of requests when many write to the Prefect server of `ims up` at once: answers, times, and its log.

`python -m bench.database` runs it twice: with the database as Prefect opens it, and as `ims up` does
(cli/servers/immediate_transactions.py). Each client does what flow runs, workers and their logs do, and repeats no
request:
Prefect's own clients would, five times. It takes two minutes.
"""

import socket
import statistics
import sys
import tempfile
import threading
import time
from argparse import Namespace
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx

from bench.report import AtMost, Figure, Option, run, show
from cli.servers import prefect_processes
from cli.servers.data_folder import Endpoints
from tests.prefect_database import put_database

OPTIONS = [
    Option("clients", 24, 4, "how many clients"),
    Option("seconds", 30, 3, "how long each sends requests"),
    # Prefect's own clients wait as long.
    Option("patience", 60, 5, "how long a client waits for an answer, seconds"),
]
# A request waits for the write lock in place of failing, and must not wait longer for that.
MOST_MEDIAN = 1.0
LOG_LINES = 20


def measure(asked: Namespace) -> list[Figure]:
    """Run both."""
    theirs = measured(asked, ours=False)
    ours = measured(asked, ours=True)
    failed, compared = (load.failures.total() for load in (ours, theirs))
    counts = f"{ours.total} requests (as Prefect opens it {compared} of {theirs.total})"
    return [
        Figure(f"failed of {counts}", failed, AtMost(0)),
        Figure("median answer, ours / as Prefect opens the database", ours.median / theirs.median, AtMost(MOST_MEDIAN)),
    ]


def measured(asked: Namespace, *, ours: bool) -> "Load":
    """Run clients against a server of their own, print a line of figures, and return them."""
    with tempfile.TemporaryDirectory() as folder:
        endpoints = Endpoints(
            s3_endpoint_url="http://127.0.0.1:9",
            s3_access_key="",
            s3_secret_key="",
            prefect_api_url=prefect_processes.api_url(_free_port()),
        )
        env = prefect_processes.environment(Path(folder), endpoints)
        if not ours:
            del env[prefect_processes.DATABASE]
        put_database(Path(folder) / "prefect")
        server = prefect_processes.server(env, Path(folder))
        server.start()
        try:
            prefect_processes.await_server(server)
            load = Load(endpoints.prefect_api_url, asked.patience)
            load.run(asked.clients, asked.seconds)
        finally:
            server.kill()
        locked = server.log.read_text().count("sqlite3.OperationalError) database is locked")
        name = "as ims up opens it" if ours else "as Prefect opens it"
        show(f"{name}: {load.said}; {locked} times 'database is locked'")
        return load


class Load:
    """Requests of many clients, and what became of them."""

    def __init__(self, api_url: str, patience_seconds: float = 60) -> None:
        self._api_url = api_url
        self._patience_seconds = patience_seconds
        self._lock = threading.Lock()
        self._answers: Counter[int] = Counter()
        self._times: list[float] = []

    def run(self, clients: int, seconds: int) -> None:
        """Let clients work until the time is over."""
        with httpx.Client(base_url=self._api_url, timeout=self._patience_seconds, trust_env=False) as client:
            flow = client.post("/flows/", json={"name": "bench"}).raise_for_status().json()["id"]
            pool = {"name": "bench", "type": "process"}
            client.post("/work_pools/", json=pool).raise_for_status()
            deployment = {"name": "bench", "flow_id": flow, "work_pool_name": "bench"}
            known = client.post("/deployments/", json=deployment).raise_for_status().json()["id"]
        ends = time.monotonic() + seconds
        threads = [threading.Thread(target=self._work, args=(number, known, ends)) for number in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    @property
    def failures(self) -> Counter[int]:
        """How often the server answered that it cannot, by status; 0: not at all."""
        return Counter({status: times for status, times in self._answers.items() if status >= 500 or not status})

    @property
    def total(self) -> int:
        """How many requests were sent."""
        return self._answers.total()

    @property
    def median(self) -> float:
        """The median time of an answer, seconds."""
        return statistics.median(self._times)

    @property
    def said(self) -> str:
        """The figures in a line."""
        cut = statistics.quantiles(self._times, n=100)
        times = f"median {self.median:.2f} s, 99 % {cut[98]:.2f} s, slowest {max(self._times):.2f} s"
        failed = ", ".join(f"{times} of status {status}" for status, times in sorted(self.failures.items()))
        return f"{self.total} requests, failed: {failed or 'none'} (0 is no answer); {times}"

    def _work(self, number: int, deployment: str, ends: float) -> None:
        with httpx.Client(base_url=self._api_url, timeout=self._patience_seconds, trust_env=False) as client:
            while time.monotonic() < ends:
                self._run_a_flow(client, number, deployment)

    def _run_a_flow(self, client: httpx.Client, number: int, deployment: str) -> None:
        made = self._post(client, f"/deployments/{deployment}/create_flow_run", {"parameters": {}})
        if made is None:
            return
        run = made.json()["id"]
        worker = {"name": f"bench-{number}", "heartbeat_interval_seconds": 30}
        self._post(client, "/work_pools/bench/workers/heartbeat", worker)
        self._post(client, "/work_pools/bench/get_scheduled_flow_runs", {"limit": 1})
        for state in ("PENDING", "RUNNING"):
            self._post(client, f"/flow_runs/{run}/set_state", {"state": {"type": state}})
        now = datetime.now(UTC).isoformat()
        line = {"name": "bench", "level": 20, "message": "a line " * 10, "timestamp": now, "flow_run_id": run}
        self._post(client, "/logs/", [line] * LOG_LINES)
        self._post(client, "/events", [_event(now) for _ in range(LOG_LINES)])
        self._post(client, f"/flow_runs/{run}/set_state", {"state": {"type": "COMPLETED"}})

    def _post(self, client: httpx.Client, path: str, body: object) -> httpx.Response | None:
        started = time.monotonic()
        try:
            answer = client.post(path, json=body)
        except httpx.TransportError:
            answer = None
        with self._lock:
            self._times.append(time.monotonic() - started)
            self._answers[answer.status_code if answer is not None else 0] += 1
        return answer if answer is not None and answer.is_success else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((prefect_processes.LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _event(now: str) -> dict[str, object]:
    resource = {"prefect.resource.id": f"bench.{uuid4()}"}
    return {"event": "bench", "occurred": now, "resource": resource, "payload": {}, "id": str(uuid4())}


if __name__ == "__main__":
    sys.exit(run(measure, __doc__, OPTIONS))
