"""Many clients at once against several processes of the REST API: `python -m bench.api_load`.

Readers ask for lists and single images; writers count in the metadata of a few shared images, each on condition of the
etag that it has read (`If-Match`), so that a lost update would be missing from the sums. No answer may be an error.
"""

import asyncio
import json
import random
import sys
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bench.records import image_of, put_documents
from bench.report import AtMost, Figure, Option, run, show
from bench.served import percentile, rest_api
from bench.services import services
from config.settings import settings
from storage.models.records import Image
from storage.records.catalogue import catalogue
from storage.s3.objects import object_store

OPTIONS = [
    Option("readers", 1000, 20, "how many clients read"),
    Option("writers", 50, 5, "how many clients write"),
    Option("processes", 4, 1, "how many processes serve"),
    Option("seconds", 60, 3, "for how long"),
    Option("records", 100, 100, "how many images there are"),
]
SHARED = 40
IMAGES = "/v3/images"
CHANGED_MEANWHILE = 412


@dataclass
class Load:
    """What the clients have seen.

    Attributes:
        images: The images.
        seconds: How long requests took, by what was asked for.
        errors: Answers that are none to be expected, and broken connections.
        written: How often each image was counted up.
    """

    images: list[Image]
    ends: float
    seconds: dict[str, list[float]] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)
    written: Counter[str] = field(default_factory=Counter)

    def note(self, what: str, status: int, took: float) -> None:
        """Note an answer."""
        self.seconds.setdefault(what, []).append(took)
        if status not in {200, CHANGED_MEANWHILE}:
            self.errors[f"{what} was answered {status}"] += 1


class Connection:
    """A client's connection, which is kept."""

    def __init__(self, load: Load, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._load = load
        self._reader, self._writer = reader, writer

    async def ask(self, what: str, method: str, path: str, body: bytes = b"", etag: str = "") -> tuple[int, str, bytes]:
        """Send a request; return the answer's status, etag and content."""
        condition = f"If-Match: {etag}\r\n" if etag else ""
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{condition}"
        began = time.perf_counter()
        self._writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        content = await self._reader.readexactly(int(headers.get("content-length", "0")))
        status = int(lines[0].split()[1])
        self._load.note(what, status, time.perf_counter() - began)
        return status, headers.get("etag", ""), content

    def close(self) -> None:
        """Close it."""
        self._writer.close()


async def read(load: Load, connection: Connection) -> None:
    """Read a list or an image."""
    if random.random() < 0.5:
        await connection.ask("list", "GET", IMAGES)
    else:
        await connection.ask("get", "GET", f"{IMAGES}/{random.choice(load.images).id}")


async def write(load: Load, connection: Connection) -> None:
    """Count up in one of the shared images, unless another client has changed it meanwhile."""
    image = random.choice(load.images[:SHARED])
    path = f"{IMAGES}/{image.id}"
    _, etag, content = await connection.ask("get", "GET", path)
    count = int(json.loads(content)["metadata"].get("count", "0")) + 1
    change = {"metadata": {"operation": "set", "key": "count", "value": str(count)}}
    status, _, _ = await connection.ask("change", "PATCH", path, json.dumps(change).encode(), etag)
    if status == 200:
        load.written[image.id] += 1


def measure(asked: Namespace) -> list[Figure]:
    """Put the load on the processes."""
    with services(with_prefect=False) as folder:
        images = [image_of(number) for number in range(asked.records)]
        put_documents(object_store(), settings().bucket, images)
        with rest_api(folder, asked.processes) as api:
            load = Load(images, time.monotonic() + asked.seconds)
            before = api.processor_seconds()
            asyncio.run(_clients(load, api.port, asked.readers, asked.writers))
            processor = api.processor_seconds() - before
        stored = {image.id: int(image.metadata.get("count", "0")) for image in catalogue().images.list()}
    return _figures(load, stored, processor)


async def _clients(load: Load, port: int, readers: int, writers: int) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(readers + writers):
            group.create_task(_client(load, port, read if number < readers else write))


async def _client(load: Load, port: int, act: Callable[[Load, Connection], Awaitable[None]]) -> None:
    connection = Connection(load, *await asyncio.open_connection("127.0.0.1", port))
    try:
        while time.monotonic() < load.ends:
            await act(load, connection)
    except (OSError, asyncio.IncompleteReadError) as error:
        load.errors[f"a connection broke: {error!r}"] += 1
    finally:
        connection.close()


def _figures(load: Load, stored: dict[str, int], processor: float) -> list[Figure]:
    total = sum(map(len, load.seconds.values()))
    for what, seconds in sorted(load.seconds.items()):
        p50, p99 = percentile(seconds, 0.5), percentile(seconds, 0.99)
        show(f"{what}: {len(seconds):,} requests, p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms")
    show(
        f"{sum(load.written.values()):,} updates, {processor / total * 1000:.2f} ms of processor time for each request"
    )
    for error, count in load.errors.items():
        show(f"{count} times: {error}")
    lost = sum(abs(stored[image.id] - load.written[image.id]) for image in load.images)
    return [
        Figure(f"errors of {total:,} answers", load.errors.total(), AtMost(0), at_any_size=True),
        Figure(f"lost of {load.written.total():,} updates", lost, AtMost(0), at_any_size=True),
    ]


if __name__ == "__main__":
    sys.exit(run(measure, __doc__, OPTIONS))
