"""HTTP between a pod and S3, by presigned addresses: each request tried again while the fault may pass.

The addresses are the only right a pod has, so no message holds more of one than server and path.
"""

import hashlib
import http.client
import random
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from builder.pod.space import is_full
from builder.pod.step import StepFailed, TryAgain, say

CHUNK_BYTES = 1 << 20

_PASSING = {408, 425, 429, 500, 502, 503, 504}

T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """How often a request is tried, how long the pauses grow from (doubling), and how long a server may be silent."""

    attempts: int = 5
    first_pause_seconds: float = 1.0
    silence_seconds: float = 60.0


PATIENCE = Patience()


@dataclass(frozen=True)
class Source:
    """An object to fetch in parts: its presigned address, its size in bytes, and its etag when that is known."""

    url: str
    size: int
    etag: str = ""


@dataclass(frozen=True)
class Slice:
    """A part of a file: where it begins, how long it is, and the md5 it must have."""

    file: Path
    offset: int
    size: int
    md5: str


class Replaced(StepFailed):
    """An object is not the one that was meant: it has another etag or size."""


class _Fault(Exception):
    """One try failed in a way that may pass."""


def download(url: str, target: Path, digest: str, *, algorithm: str = "sha256", patience: Patience = PATIENCE) -> None:
    """Fetch a file, and check it before it gets its name.

    Args:
        url: Where it lies.
        target: Its name here.
        digest: The checksum that it must have, in hexadecimal; empty when nobody knows it.
        algorithm: What the checksum was made by.
        patience: How long to go on.

    Raises:
        TryAgain: The server did not hand it over whole within the tries, or the address has expired.
        StepFailed: The server refuses, or there is no space left for it.
    """
    partial = target.with_name(f"{target.name}.part")

    def fetch() -> None:
        received = hashlib.new(algorithm, usedforsecurity=False)
        with partial.open("wb") as file:
            for chunk in _body(url, patience):
                received.update(chunk)
                file.write(chunk)
        if digest and received.hexdigest() != digest:
            raise _Fault(f"what came has another {algorithm} than it should")

    try:
        _try_again_while_it_may_help(fetch, f"download of {target.name} from {_place(url)}", patience)
        partial.rename(target)
    finally:
        partial.unlink(missing_ok=True)


def read(url: str, *, patience: Patience = PATIENCE) -> bytes:
    """Fetch a small document.

    Raises:
        TryAgain: The server did not hand it over within the tries, or the address has expired.
        StepFailed: The server refuses.
    """
    return _try_again_while_it_may_help(
        lambda: b"".join(_body(url, patience)), f"download from {_place(url)}", patience
    )


def read_range(source: Source, file: Path, offset: int, size: int, *, patience: Patience = PATIENCE) -> None:
    """Fetch a part of an object into its place in a file that is there.

    Args:
        source: The object.
        file: The file.
        offset: Where the part begins, in the object as in the file.
        size: How many bytes it has.
        patience: How long to go on.

    Raises:
        TryAgain: The server did not hand it over within the tries, or the address has expired.
        Replaced: The object is another one by now.
        StepFailed: The server refuses, or there is no space left for it.
    """
    asked = {"Range": f"bytes={offset}-{offset + size - 1}"}
    if source.etag:
        asked["If-Match"] = f'"{source.etag}"'

    def fetch() -> None:
        connection, address = _connect(source.url, patience.silence_seconds)
        try:
            connection.request("GET", address, headers=asked)
            response = connection.getresponse()
            _refuse_other(response, source)
            _judge(response, source.url)
            came = response.getheader("Content-Range")
            if came != f"bytes {offset}-{offset + size - 1}/{source.size}":
                raise _Fault(f"{_place(source.url)} sends {came or 'no range'}, asked for {asked['Range']}")
            _write_all(response, file, offset, size)
        finally:
            connection.close()

    what = f"download of bytes {offset} and on from {_place(source.url)}"
    _try_again_while_it_may_help(fetch, what, patience)


def _refuse_other(response: http.client.HTTPResponse, source: Source) -> None:
    """Refuse an object that is not the one that was meant: it has another etag or size."""
    if response.status == http.client.PRECONDITION_FAILED:
        raise Replaced(f"{_place(source.url)} has another etag than {source.etag} by now")
    # `bytes 0-9/1234`, or, of an object that has less, `bytes */1234`.
    total = (response.getheader("Content-Range") or "").rpartition("/")[2]
    if total.isdigit() and int(total) != source.size:
        raise Replaced(f"{_place(source.url)} has {total} bytes, not {source.size}")


def _write_all(response: http.client.HTTPResponse, file: Path, offset: int, size: int) -> None:
    """Write a body into its place, and nothing beyond it."""
    # A file without a buffer would take less than it is given when space runs out, and not say so.
    with file.open("r+b") as target:
        target.seek(offset)
        received, buffer = 0, memoryview(bytearray(CHUNK_BYTES))
        while received < size and (count := response.readinto(buffer[: size - received])):
            target.write(buffer[:count])
            received += count
    if received != size:
        raise _Fault(f"the connection ended after {received} of {size} bytes")


def write(url: str, document: bytes, *, patience: Patience = PATIENCE) -> None:
    """Store a small document.

    Raises:
        TryAgain: The server did not take it within the tries, or the address has expired.
        StepFailed: The server refuses.
    """
    _try_again_while_it_may_help(
        lambda: _put(url, lambda: iter([document]), len(document), patience), f"upload to {_place(url)}", patience
    )


def write_slice(
    url: str, part: Slice, *, on_bytes: Callable[[int], None] = lambda _: None, patience: Patience = PATIENCE
) -> None:
    """Store a part of a file, and check that the server has what the file should hold.

    Args:
        url: Where to.
        part: What.
        on_bytes: Gets the number of bytes that are on their way, negative when a try began anew.
        patience: How long to go on.

    Raises:
        TryAgain: The server did not take it within the tries, or the address has expired.
        StepFailed: The server refuses, or the file is no longer what it was.
    """

    def send() -> None:
        counted = _Counted(part, on_bytes)
        try:
            etag = _put(url, counted.chunks, part.size, patience)
            counted.compare(etag)
        except BaseException:
            on_bytes(-counted.sent)
            raise

    what = f"upload of bytes {part.offset} and on of {part.file.name} to {_place(url)}"
    _try_again_while_it_may_help(send, what, patience)


def _try_again_while_it_may_help(attempt: Callable[[], T], what: str, patience: Patience) -> T:
    for number in range(1, patience.attempts + 1):
        try:
            return attempt()
        except (OSError, http.client.HTTPException, _Fault) as fault:
            if is_full(fault):
                raise StepFailed(f"{what}: {fault}") from fault
            reason = f"{fault}" or type(fault).__name__
            if number == patience.attempts:
                raise TryAgain(f"{what} failed {number} times, at last: {reason}") from fault
            say(f"{what}: {reason}; trying again")
            pause = patience.first_pause_seconds * 2 ** (number - 1)
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads load, hides nothing
    raise AssertionError("unreachable: the last try returns or raises")


def _body(url: str, patience: Patience) -> Iterator[bytes]:
    connection, address = _connect(url, patience.silence_seconds)
    try:
        connection.request("GET", address)
        response = connection.getresponse()
        _judge(response, url)
        expected = response.length
        received = 0
        while chunk := response.read(CHUNK_BYTES):
            received += len(chunk)
            yield chunk
        if expected is not None and received != expected:
            raise _Fault(f"the connection ended after {received} of {expected} bytes")
    finally:
        connection.close()


def _put(url: str, chunks: Callable[[], Iterator[bytes]], size: int, patience: Patience) -> str:
    """Send a body and return its etag, without quotes."""
    connection, address = _connect(url, patience.silence_seconds)
    try:
        try:
            # No Content-Type: Ceph 20 refuses one that is not part of the signature.
            connection.request("PUT", address, body=chunks(), headers={"Content-Length": str(size)})
        except (BrokenPipeError, ConnectionResetError) as fault:
            # A server that refuses does not wait for the body: its answer says more than the broken pipe.
            try:
                _judge(connection.getresponse(), url)
            except (OSError, http.client.HTTPException):
                raise fault from None
            raise
        response = connection.getresponse()
        _judge(response, url)
        response.read()
        return (response.getheader("ETag") or "").strip('"')
    finally:
        connection.close()


def _connect(url: str, silence_seconds: float) -> tuple[http.client.HTTPConnection, str]:
    parts = urlsplit(url)
    if not parts.hostname or parts.scheme not in {"http", "https"}:
        raise StepFailed(f"{_place(url)} is no http address")
    address = f"{parts.path}?{parts.query}" if parts.query else parts.path
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(
            parts.hostname, parts.port, timeout=silence_seconds, context=context
        ), address
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=silence_seconds), address


def _judge(response: http.client.HTTPResponse, url: str) -> None:
    if response.status in {200, 201, 204, 206}:
        return
    words = " ".join(response.read(2000).decode(errors="replace").split())
    answer = f"{_place(url)} answered {response.status} {response.reason}: {words[:300]}"
    if response.status in _PASSING:
        raise _Fault(answer)
    if response.status == http.client.FORBIDDEN:
        raise TryAgain(f"{answer} (the presigned address has expired or was signed with a wrong key)")
    raise StepFailed(answer)


class _Counted:
    """A slice on its way: counted and hashed while it is read."""

    def __init__(self, part: Slice, on_bytes: Callable[[int], None]) -> None:
        self._part = part
        self._on_bytes = on_bytes
        self._digest = hashlib.md5(usedforsecurity=False)
        self.sent = 0

    def chunks(self) -> Iterator[bytes]:
        """Read the slice, piece by piece."""
        with self._part.file.open("rb") as file:
            file.seek(self._part.offset)
            while chunk := file.read(min(self._part.size - self.sent, CHUNK_BYTES)):
                self._digest.update(chunk)
                self.sent += len(chunk)
                self._on_bytes(len(chunk))
                yield chunk
        if self.sent != self._part.size:
            raise StepFailed(f"{self._part.file.name} is shorter than when it was packaged")

    def compare(self, etag: str) -> None:
        """Check that what was sent is what was packaged, and that the server has just that."""
        expected = self._part.md5
        if self._digest.hexdigest() != expected:
            raise StepFailed(f"{self._part.file.name} has changed since it was packaged")
        # Etags of encrypted objects are no md5 of the content: there the md5 of what was sent has to do.
        if len(etag) == len(expected) and etag != expected:
            raise _Fault(f"the server has md5 {etag} of it, not {expected}")


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
