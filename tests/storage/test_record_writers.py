"""Many processes write one kind of records, some are killed at it: nothing acknowledged is lost, nothing is torn."""

import multiprocessing
import os
import random
import signal
import time
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from config.settings import Settings
from storage.models.kinds import RecordKind
from storage.models.layout import SHARDS, records_key
from storage.models.records import Image
from storage.records.documents import Document
from storage.records.store import Records
from storage.s3.objects import ObjectStore

WRITERS = 16
SHARED = "a0000000-0000-4000-8000-000000000001"
KILLS = 12


def _images(settings: Settings) -> Records[Image]:
    return Records(ObjectStore(settings.s3), settings.bucket, RecordKind.IMAGE, Image)


def _write(settings: Settings, writer: str, acknowledged: Path, rounds: int) -> None:
    """Count in a shared record and make records of one's own; note each write once it is acknowledged."""
    images = _images(settings)
    notes = os.open(acknowledged, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for count in range(1, rounds + 1):
        images.change(
            SHARED,
            lambda image, count=count: image.model_copy(  # type: ignore[misc]
                update={"metadata": image.metadata | {writer: str(count), "total": str(_total(image) + 1)}}
            ),
        )
        os.write(notes, f"count {count}\n".encode())
        made = images.create(Image(name=writer))
        os.write(notes, f"made {made.id}\n".encode())


def _total(image: Image) -> int:
    return int(image.metadata.get("total", "0"))


class _Writers:
    """Writing processes, forked from one that has the modules loaded."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings, self._folder = settings, folder
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["storage.records.store", "config.settings"])
        self.names: list[str] = []

    def start(self, rounds: int) -> BaseProcess:
        name = f"writer{len(self.names)}"
        self.names.append(name)
        process = self._context.Process(
            target=_write, args=(self._settings, name, self._folder / name, rounds), daemon=True
        )
        process.start()
        return process

    def acknowledged(self, name: str) -> tuple[int, list[str]]:
        """Return the last count and the ids of the records that this writer knows to be written."""
        file = self._folder / name
        lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
        counts = [int(value) for what, value in lines if what == "count"]
        return max(counts, default=0), [value for what, value in lines if what == "made"]


@pytest.fixture
def images(s3_settings: Settings, store: ObjectStore) -> Records[Image]:
    images = _images(s3_settings)
    images.create(Image(id=SHARED, name="shared"))
    return images


@pytest.fixture
def writers(s3_settings: Settings, tmp_path: Path) -> _Writers:
    patient = s3_settings.s3.model_copy(update={"read_timeout": timedelta(seconds=60)})
    return _Writers(s3_settings.model_copy(update={"s3": patient}), tmp_path)


@pytest.mark.slow
def test_sixteen_processes_lose_no_update(images: Records[Image], writers: _Writers) -> None:
    rounds = 10
    processes = [writers.start(rounds) for _ in range(WRITERS)]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * WRITERS
    counts = images.get(SHARED).metadata
    assert counts == {name: str(rounds) for name in writers.names} | {"total": str(WRITERS * rounds)}
    made = [record_id for name in writers.names for record_id in writers.acknowledged(name)[1]]
    assert sorted(image.id for image in images.list()) == sorted([SHARED, *made])


@pytest.mark.slow
def test_killed_writers_tear_nothing_and_lose_nothing_acknowledged(
    images: Records[Image], writers: _Writers, store: ObjectStore, bucket: str
) -> None:
    processes = [writers.start(10_000) for _ in range(WRITERS)]
    first = time.monotonic()
    while images.get(SHARED).metadata.get("total", "0") == "0":
        assert time.monotonic() - first < 60, "nobody writes"
    for _ in range(KILLS):
        time.sleep(random.uniform(0.05, 0.25))
        victim = processes.pop(random.randrange(len(processes)))
        _kill(victim)
        processes.append(writers.start(10_000))
    for process in processes:
        _kill(process)

    for shard in SHARDS:
        key = records_key("images", shard)
        if key in store.keys(bucket, key):
            Document.parse(store.read(bucket, key)[0])
    assert images.broken() == []
    counts = images.get(SHARED).metadata
    there = {image.id for image in images.list()}
    acknowledged_in_all = 0
    for name in writers.names:
        acknowledged, made = writers.acknowledged(name)
        acknowledged_in_all += acknowledged
        # The last one may have been written and its writer killed before it could note it.
        assert int(counts.get(name, "0")) in {acknowledged, acknowledged + 1}
        assert set(made) <= there
    assert int(counts["total"]) == sum(int(counts.get(name, "0")) for name in writers.names)
    assert acknowledged_in_all > WRITERS


def _kill(process: BaseProcess) -> None:
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
