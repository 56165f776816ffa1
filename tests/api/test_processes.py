"""Several processes serve the API, and one after the other is killed in the middle of requests: no update is lost."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

import httpx
import pytest

from bench.served import Service, rest_api
from config.settings import Settings
from storage.models.records import Image
from storage.records.catalogue import Catalogue
from storage.s3.objects import ObjectStore
from tests.s3_server import S3Server

pytestmark = pytest.mark.slow
WRITERS, KILLS = 4, 1
LIMIT_SECONDS = 60


class Writers:
    """Threads that count up in records by the API, each on condition of what it has read."""

    def __init__(self, port: int, ids: list[str]) -> None:
        self.address = f"http://127.0.0.1:{port}/v3/images"
        self.ids = ids
        self.acknowledged: Counter[str] = Counter()
        self.unclear: Counter[str] = Counter()
        self.unexpected: list[str] = []
        self.ended = threading.Event()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._work, args=(number,)) for number in range(WRITERS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.ended.set()
            for thread in threads:
                thread.join(LIMIT_SECONDS)

    def _work(self, number: int) -> None:
        record_id = self.ids[number % len(self.ids)]
        while not self.ended.is_set():
            with httpx.Client(trust_env=False, timeout=LIMIT_SECONDS) as client:
                try:
                    while not self.ended.is_set():
                        self._count_up(client, record_id)
                except httpx.TransportError:
                    # Its process was killed; another one serves the next connection.
                    continue

    def _count_up(self, client: httpx.Client, record_id: str) -> None:
        read = client.get(f"{self.address}/{record_id}")
        value = str(int(read.json()["metadata"].get("count", "0")) + 1)
        change = {"metadata": {"operation": "set", "key": "count", "value": value}}
        try:
            answer = client.patch(
                f"{self.address}/{record_id}", json=change, headers={"If-Match": read.headers["etag"]}
            )
        except (httpx.TransportError, HTTPException):
            self.unclear[record_id] += 1
            raise
        if answer.status_code == httpx.codes.OK:
            self.acknowledged[record_id] += 1
        elif answer.status_code != httpx.codes.PRECONDITION_FAILED:
            self.unexpected.append(answer.text)


def test_killed_processes_lose_no_acknowledged_update(
    s3_server: S3Server,
    s3_settings: Settings,
    store: ObjectStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = Catalogue(store, s3_settings.bucket).images
    ids = [images.create(Image(name="shared")).id for _ in range(2)]
    environment = {**s3_server.environment, "IMS_BUCKET": s3_settings.bucket, "IMS_DATA_DIR": str(tmp_path)}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with rest_api(tmp_path, 2) as api:
        writers = Writers(api.port, ids)
        with writers.at_work():
            for _ in range(KILLS):
                _await_progress(writers)
                os.kill(_server_of(api), signal.SIGKILL)
            _await_progress(writers)
    assert writers.unexpected == []
    assert images.broken() == []
    for record_id in ids:
        stored = int(images.get(record_id).metadata["count"])
        assert writers.acknowledged[record_id] <= stored
        assert stored <= writers.acknowledged[record_id] + writers.unclear[record_id]


def _await_progress(writers: Writers) -> None:
    wanted = writers.acknowledged.total() + 20
    end = time.monotonic() + LIMIT_SECONDS
    while writers.acknowledged.total() < wanted:
        assert time.monotonic() < end, "nothing is written"
        time.sleep(0.05)


def _server_of(api: Service) -> int:
    """Return one of the processes that serve; the first one only starts them again."""
    servers = [pid for pid in api.processes()[1:] if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()]
    return servers[0]
