"""What becomes of requests when many write to the Prefect server of `ims up` at once: answers, times, and its log.

`python -m bench.database [CLIENTS] [SECONDS]` runs it twice: with the database as Prefect opens it, and as `ims up`
has it opened (cli/immediate_transactions.py). Each client does what flow runs, workers and their logs do, and tries
nothing again: Prefect's own clients would, five times. It takes two minutes with the defaults, 24 clients and 30 s.
"""

import socket
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx

from cli import prefect_services
from cli.data_folder import Endpoints

LOG_LINES = 20
# What a client waits for an answer: Prefect's own wait as long.
ANSWER_SECONDS = 60


def main() -> None:
    """Run both, and print a row for each."""
    clients, seconds = (int(word) for word in (*sys.argv[1:], "24", "30")[:2])
    print(f"{clients} clients, {seconds} s each\n")
    headings = [f"{word:>6}" for word in ("503", "500", "none")] + [f"{word:>8}" for word in ("median", "99 %", "most")]
    print(f"{'database':12} {'answers':>8}", *headings, " in the log")
    for name in ("Prefect's", "ims up's"):
        figures = measured(clients, seconds, ours=name != "Prefect's")
        print(f"{name:12} {figures}", flush=True)


def measured(clients: int, seconds: int, *, ours: bool) -> str:
    """Run clients against a server of their own, and return a row of figures."""
    with tempfile.TemporaryDirectory() as folder:
        endpoints = Endpoints(
            s3_endpoint_url="http://127.0.0.1:9",
            s3_access_key="",
            s3_secret_key="",
            prefect_api_url=prefect_services.api_url(_free_port()),
        )
        env = prefect_services.environment(Path(folder), endpoints)
        if not ours:
            del env[prefect_services.DATABASE]
        server = prefect_services.server(env, Path(folder))
        server.start()
        try:
            prefect_services.await_server(server)
            load = Load(endpoints.prefect_api_url)
            load.run(clients, seconds)
        finally:
            server.kill()
        locked = server.log.read_text().count("sqlite3.OperationalError) database is locked")
        return f"{load.row()}  {locked} x database is locked"


class Load:
    """Requests of many clients, and what became of them."""

    def __init__(self, api_url: str) -> None:
        self._api_url = api_url
        self._lock = threading.Lock()
        self._answers: Counter[int] = Counter()
        self._times: list[float] = []

    def run(self, clients: int, seconds: int) -> None:
        """Let clients work until the time is over."""
        with httpx.Client(base_url=self._api_url, timeout=ANSWER_SECONDS, trust_env=False) as client:
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

    def row(self) -> str:
        """Return the figures."""
        times = sorted(self._times)
        cut = statistics.quantiles(times, n=100)
        known = (sum(self._answers.values()), self._answers[503], self._answers[500], self._answers[0])
        return "{:8} {:6} {:6} {:6}".format(*known) + f" {cut[49]:6.2f} s {cut[98]:6.2f} s {times[-1]:6.2f} s"

    def _work(self, number: int, deployment: str, ends: float) -> None:
        with httpx.Client(base_url=self._api_url, timeout=ANSWER_SECONDS, trust_env=False) as client:
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
        probe.bind((prefect_services.LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _event(now: str) -> dict[str, object]:
    resource = {"prefect.resource.id": f"bench.{uuid4()}"}
    return {"event": "bench", "occurred": now, "resource": resource, "payload": {}, "id": str(uuid4())}


if __name__ == "__main__":
    main()
