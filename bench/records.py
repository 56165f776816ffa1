"""The record store against one JSON file a collection, through the same S3 server: `python -m bench.records`.

The alternative is how the Cray Image Management Service keeps its records (one JSON document a collection, rewritten
whole at every change), with S3 in place of its file system: list = one GET, change = GET, then PUT of the whole.
"""

import json
import statistics
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import AnyHttpUrl, SecretStr

from bench.report import AtMost, Figure, Option, run, show
from config.groups import S3
from storage.models.kinds import RecordKind
from storage.models.layout import SHARDS, records_key, shard_of
from storage.models.records import Image, Link
from storage.records.documents import Document, Entry
from storage.records.store import Records
from storage.s3.objects import ObjectStore
from tests.s3_server import embedded_s3

BUCKET = "bench"
WHOLE = "whole.json"
# The bounds of both ratios by the number of records: of a list, whose sixteen requests outweigh few records, and of a
# change.
BOUNDS = {100: (3.0, 1.2), 1_000: (1.0, 0.6), 10_000: (0.2, 0.2)}
# The most milliseconds of a process's first list, and of a change.
FIRST_LIST_MS = {100: 10, 10_000: 100}
CHANGE_MS = {10_000: 12}
SMALL = 100
OPTIONS = [Option("rounds", 15, 3, "how often each action is measured; the median counts")]


class WholeFile:
    """The alternative: all records of a collection in one document."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def list(self) -> "list[Image]":
        """Return all records, the oldest first."""
        images = [Image.model_validate(value) for value in self._read().values()]
        return sorted(images, key=lambda image: (image.created, image.id))

    def change(self, record_id: str, change: Callable[[Image], Image]) -> None:
        """Replace one record by writing all of them."""
        records = self._read()
        changed = change(Image.model_validate(records[record_id]))
        records[record_id] = changed.model_dump(mode="json")
        self._store.write(BUCKET, WHOLE, json.dumps(records).encode())

    def _read(self) -> dict[str, dict[str, object]]:
        found: dict[str, dict[str, object]] = json.loads(self._store.read(BUCKET, WHOLE)[0])
        return found


def measure(asked: Namespace) -> list[Figure]:
    """Measure a list and a change of both ways, for each number of records."""
    figures = []
    with _store() as store:
        store.ensure_bucket(BUCKET)
        for size in [SMALL] if asked.small else BOUNDS:
            seconds = _measured(store, size, asked.rounds)
            show(f"{size:,} records: " + ", ".join(f"{what} {each * 1000:.1f} ms" for what, each in seconds.items()))
            figures += _figures(size, seconds)
    return figures


def _figures(size: int, seconds: dict[str, float]) -> list[Figure]:
    most_list, most_change = BOUNDS[size]
    listed, changed = (seconds[action] / seconds[f"{action}, one file"] for action in ("list", "change"))
    limits = {"first list": FIRST_LIST_MS, "change": CHANGE_MS}
    return [
        *(
            Figure(f"{action}, {size:,} records, ms", seconds[action] * 1000, AtMost(most[size]))
            for action, most in limits.items()
            if size in most
        ),
        Figure(f"list of {size:,} records, ours / one file", listed, AtMost(most_list)),
        Figure(f"change of one of {size:,}, ours / one file", changed, AtMost(most_change)),
    ]


def _measured(store: ObjectStore, size: int, rounds: int) -> dict[str, float]:
    """Return the median seconds of each action."""
    ours, alternative = Records(store, BUCKET, RecordKind.IMAGE, Image), WholeFile(store)
    images = [image_of(number) for number in range(size)]
    _fill(store, images)
    if [image.id for image in ours.list()] != [image.id for image in alternative.list()]:
        raise SystemExit("the two stores do not hold the same records")
    middle = images[size // 2].id
    actions: dict[str, Callable[[], object]] = {
        "first list": lambda: Records(store, BUCKET, RecordKind.IMAGE, Image).list(),
        "list": ours.list,
        "list, one file": alternative.list,
        "change": lambda: ours.change(middle, _touched),
        "change, one file": lambda: alternative.change(middle, _touched),
    }
    return _medians(actions, rounds)


def image_of(number: int) -> Image:
    """Return a record, one of many."""
    image = Image(name=f"image-{number}", metadata={"build": str(number), "touched": "0"})
    link = Link(path=f"s3://boot-images/{image.id}/manifest.json", etag="0" * 32)
    return image.model_copy(update={"link": link})


def _touched(image: Image) -> Image:
    return image.model_copy(update={"metadata": image.metadata | {"touched": str(time.monotonic_ns())}})


def _fill(store: ObjectStore, images: list[Image]) -> None:
    """Put the same records in both stores."""
    put_documents(store, BUCKET, images)
    values = {image.id: image.model_dump(mode="json") for image in images}
    store.write(BUCKET, WHOLE, json.dumps(values).encode())


def put_documents(store: ObjectStore, bucket: str, images: list[Image]) -> None:
    """Put records in place of all images of a bucket."""
    for shard in SHARDS:
        entries = {image.id: Entry.of(image.model_dump(mode="json")) for image in images if shard_of(image.id) == shard}
        store.write(bucket, records_key(RecordKind.IMAGE.documents, shard), Document(entries).dump())


def _medians(actions: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return each action's median time; they run in turn, so that the host's other work falls on all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            start = time.perf_counter()
            action()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in seconds.items()}


@contextmanager
def _store() -> Iterator[ObjectStore]:
    with tempfile.TemporaryDirectory() as folder, embedded_s3(Path(folder) / "s3") as server:
        yield ObjectStore(
            S3(
                endpoint_url=AnyHttpUrl(server.endpoint_url),
                access_key=SecretStr(server.access_key),
                secret_key=SecretStr(server.secret_key),
            )
        )


if __name__ == "__main__":
    sys.exit(run(measure, __doc__, OPTIONS))
