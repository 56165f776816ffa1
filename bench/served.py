"""Services that run as processes, and a client that measures them at the socket."""

import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from errors import LimitReached

START_SECONDS = 120
BACKLOG = 4096
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Answer:
    """An answer, and how long it took from the first byte sent to the last one received, seconds."""

    status: int
    etag: str
    body: bytes
    seconds: float

    def json(self) -> Any:
        """Return its content."""
        return json.loads(self.body)


class Service:
    """A service that listens on a port of this host; one client keeps a connection to it.

    Args:
        name: What it is called.
        process: Its process, the first one if it has several.
        port: Its port.
    """

    def __init__(self, name: str, process: "subprocess.Popen[bytes]", port: int) -> None:
        self.name = name
        self.port = port
        self._pid = process.pid
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)

    def ask(self, method: str, path: str, body: object = None, etag: str = "") -> Answer:
        """Send a request, and read the answer whole.

        Raises:
            SystemExit: The answer is an error.
        """
        headers = {"Content-Type": "application/json"} | ({"If-Match": etag} if etag else {})
        began = time.perf_counter()
        self._connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = self._connection.getresponse()
        content = answer.read()
        found = Answer(answer.status, answer.getheader("ETag") or "", content, time.perf_counter() - began)
        if answer.status >= 400:
            raise SystemExit(f"{self.name}: {method} {path} was answered {answer.status}: {content[:300]!r}")
        return found

    def processor_seconds(self) -> float:
        """Return the processor time that its processes have used."""
        return sum(_processor_seconds(pid) for pid in self.processes())

    def processes(self) -> list[int]:
        """Return the ids of its processes, the first one before those that it has started."""
        return _family(self._pid)


@dataclass(frozen=True)
class Measured:
    """How long requests took, median and 99th percentile, and the service's processor time for each, seconds."""

    p50: float
    p99: float
    processor: float

    def __str__(self) -> str:
        return f"{self.p50 * 1000:.1f} ms (p99 {self.p99 * 1000:.1f}, processor {self.processor * 1000:.1f})"


def measured(service: Service, rounds: int, act: Callable[[int], Answer]) -> Measured:
    """Measure the same request several times."""
    before = service.processor_seconds()
    seconds = [act(number).seconds for number in range(rounds)]
    processor = (service.processor_seconds() - before) / rounds
    return Measured(statistics.median(seconds), percentile(seconds, 0.99), processor)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that a share of the values does not exceed."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


@contextmanager
def plain_service(folder: Path) -> Iterator[Service]:
    """Run the plain service (bench/plain_service.py) on the records of a folder."""
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as listening:
        command = ["-m", "bench.plain_service", str(folder), str(listening.fileno())]
        with _running("one JSON file", command, listening.getsockname()[1], folder, [listening.fileno()]) as service:
            yield service


@contextmanager
def rest_api(folder: Path, processes: int = 1) -> Iterator[Service]:
    """Run the REST API as `ims api` does, on the servers that the environment names."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with _running("ours", ["-m", "api.server", "127.0.0.1", str(port), str(processes)], port, folder, []) as service:
        yield service


@contextmanager
def _running(
    name: str, command: Sequence[str], port: int, folder: Path, descriptors: Sequence[int]
) -> Iterator[Service]:
    with (folder / f"{port}.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, *command], stderr=log, pass_fds=descriptors)
        try:
            _await(name, port, folder / f"{port}.log")
            yield Service(name, process, port)
        finally:
            process.terminate()
            process.wait(60)


def _await(name: str, port: int, log: Path) -> None:
    """Wait until a service answers; what it is asked for, it does not have, so that it reads nothing yet."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
        try:
            connection.request("GET", "/nothing")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.1)
        else:
            return
        finally:
            connection.close()
    raise LimitReached(f"{name} did not start", resolution=f"see {log}")


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in _family(int(child)))]


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND
