"""The record store against one JSON file a collection, through the same S3 server: `python -m bench.records`.

The alternative is how the Cray Image Management Service keeps its records (one JSON document a collection, rewritten
whole at every change), with S3 in place of its file system: list = one GET, change = GET, then PUT of the whole.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import AnyHttpUrl, SecretStr
from rich.console import Console
from rich.table import Table

from config.groups import S3
from storage.models.layout import SHARDS, records_key
from storage.models.records import Image, Link
from storage.records.documents import Document, Entry
from storage.records.store import Records
from storage.s3.objects import ObjectStore
from tests.s3_server import embedded_s3

SIZES = (100, 1_000, 10_000)
ROUNDS = 15
BUCKET = "bench"
WHOLE = "whole.json"


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


def main() -> None:
    """Print the table."""
    table = Table(title=f"Milliseconds, median of {ROUNDS} (SeaweedFS on this host)")
    for heading in ("records", "list", "list, one file", "change", "change, one file"):
        table.add_column(heading, justify="right")
    with _store() as store:
        store.ensure_bucket(BUCKET)
        for size in SIZES:
            table.add_row(f"{size:,}", *(f"{seconds * 1000:.1f}" for seconds in _measured(store, size)))
    Console().print(table)


def _measured(store: ObjectStore, size: int) -> list[float]:
    """Return the seconds of list and change, ours and the alternative's in turn."""
    ours, alternative = Records(store, BUCKET, "images", Image), WholeFile(store)
    images = [_image(number) for number in range(size)]
    _fill(store, images)
    if [image.id for image in ours.list()] != [image.id for image in alternative.list()]:
        raise SystemExit("the two stores do not hold the same records")
    middle = images[size // 2].id
    return _medians(
        ours.list,
        alternative.list,
        lambda: ours.change(middle, _touched),
        lambda: alternative.change(middle, _touched),
    )


def _image(number: int) -> Image:
    image = Image(name=f"image-{number}", metadata={"build": str(number), "touched": "0"})
    link = Link(path=f"s3://boot-images/{image.id}/manifest.json", etag="0" * 32)
    return image.model_copy(update={"link": link})


def _touched(image: Image) -> Image:
    return image.model_copy(update={"metadata": image.metadata | {"touched": str(time.monotonic_ns())}})


def _fill(store: ObjectStore, images: list[Image]) -> None:
    """Put the same records in both stores."""
    values = {image.id: image.model_dump(mode="json") for image in images}
    for shard in SHARDS:
        entries = {record_id: Entry.of(value) for record_id, value in values.items() if record_id[0] == shard}
        store.write(BUCKET, records_key("images", shard), Document(entries).dump())
    store.write(BUCKET, WHOLE, json.dumps(values).encode())


def _medians(*actions: Callable[[], object]) -> list[float]:
    """Return each action's median time; they run in turn, so that the host's other work falls on all alike."""
    seconds: list[list[float]] = [[] for _ in actions]
    for _ in range(ROUNDS):
        for action, times in zip(actions, seconds, strict=True):
            start = time.perf_counter()
            action()
            times.append(time.perf_counter() - start)
    return [statistics.median(times) for times in seconds]


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
    main()
