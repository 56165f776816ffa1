"""Conditional reads: small objects asked for at once, each only if it is not the version that the caller has.

boto3 takes a millisecond of processor time for a call; a request by a presigned URL over a kept connection takes a
tenth of that. Only plain answers count here (a new version, the known one, no such object): the rest is left to boto3.
"""

import http.client
import ssl
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from os import environ
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from config.groups import S3

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# A URL is used for half of the time that it is valid, so that a clock may differ.
URL_VALID = timedelta(hours=1)
# How long boto3 is asked at once, after a connection was refused.
COOLDOWN_SECONDS = 30.0
MOST_CONNECTIONS = 64
# boto3 has more patience.
SILENCE_SECONDS = 5.0

OK, NOT_MODIFIED, NOT_FOUND = 200, 304, 404


_on_answer: dict[str, Callable[[int], None]] = {}


def on_answer(handler: Callable[[int], None]) -> None:
    """Have a function called with the status of each answer: boto3 has no event for it. Once, if it is told twice."""
    _on_answer[f"{handler.__module__}.{handler.__qualname__}"] = handler


@dataclass(frozen=True)
class Version:
    """An object as it was read: its etag without quotes, and its content. No etag: there was no such object."""

    etag: str = ""
    data: bytes = b""


class ConditionalReads:
    """Asks an S3 server for objects. Threads may share one.

    Args:
        client: Signs the URLs.
        server: The server.
        limit: Larger objects are left to boto3, bytes.
    """

    def __init__(self, client: "S3Client", server: S3, limit: int) -> None:
        self._client = client
        self._limit = limit
        self._connections = _Connections(server)
        self._urls: dict[tuple[str, str], tuple[str, float]] = {}

    def ask(self, bucket: str, known: Mapping[str, str]) -> dict[str, Version | None]:
        """Return the versions of the objects that answer plainly; None: the known one.

        Args:
            bucket: Their bucket.
            known: The etags that are known by the objects' keys; empty: none is known.
        """
        if not self._connections.usable():
            return {}
        answers = self._asked(bucket, known)
        # A server closes connections that are idle: those are asked again by new ones.
        if lost := {key: etag for key, etag in known.items() if key not in answers}:
            answers |= self._asked(bucket, lost)
        return {key: version for key, version in answers.items() if version is not _UNCLEAR}

    def _asked(self, bucket: str, known: Mapping[str, str]) -> "dict[str, Version | None]":
        """Send all requests, then read all answers: the server works on them at the same time, and no thread waits."""
        answers: dict[str, Version | None] = {}
        sent = []
        with self._connections.lent(len(known)) as connections:
            for (key, etag), connection in zip(known.items(), connections, strict=True):
                headers = {"If-None-Match": f'"{etag}"'} if etag else {}
                try:
                    connection.request("GET", self._url(bucket, key), headers=headers)
                    sent.append((key, connection))
                except (OSError, http.client.HTTPException) as error:
                    self._connections.failed(connection, error)
            for key, connection in sent:
                try:
                    answers[key] = self._answer(connection.getresponse())
                except TimeoutError:
                    answers[key] = _UNCLEAR
                except (OSError, http.client.HTTPException) as error:
                    self._connections.failed(connection, error)
                if answers.get(key) is _UNCLEAR:
                    # What is left of the answer would be taken for the next one's.
                    connection.close()
        return answers

    def _answer(self, answer: http.client.HTTPResponse) -> Version | None:
        for handler in _on_answer.values():
            handler(answer.status)
        etag = (answer.getheader("ETag") or "").strip('"')
        if answer.status == NOT_MODIFIED:
            answer.read()
            return None
        if answer.status == OK and etag and int(answer.getheader("Content-Length") or self._limit + 1) <= self._limit:
            return Version(etag, answer.read())
        if answer.status == NOT_FOUND and b"<Code>NoSuchKey</Code>" in answer.read():
            return Version()
        return _UNCLEAR

    def _url(self, bucket: str, key: str) -> str:
        url, until = self._urls.get((bucket, key), ("", 0.0))
        if time.monotonic() >= until:
            seconds = int(URL_VALID.total_seconds())
            signed = urlsplit(
                self._client.generate_presigned_url(
                    "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=seconds
                )
            )
            url = f"{signed.path}?{signed.query}"
            self._urls[bucket, key] = url, time.monotonic() + seconds / 2
        return url


class _Connections:
    """Connections to a server, kept while they are idle."""

    def __init__(self, server: S3) -> None:
        address = urlsplit(server.address())
        self._host, self._port = address.hostname or "", address.port
        self._timeout = min(server.read_timeout.total_seconds(), SILENCE_SECONDS)
        is_secure = address.scheme == "https"
        self._trust = _trust() if is_secure else None
        self._is_possible = self._trust is not None or not is_secure
        self._is_direct = server.is_on_loopback or address.scheme not in getproxies() or proxy_bypass(self._host)
        self._idle: list[http.client.HTTPConnection] = []
        weakref.finalize(self, _close, self._idle)
        self._lock = threading.Lock()
        self._unusable_until = 0.0

    def usable(self) -> bool:
        """Tell whether to try: the server is reached without a proxy, and has not refused a connection just now."""
        return self._is_possible and bool(self._is_direct) and time.monotonic() >= self._unusable_until

    @contextmanager
    def lent(self, count: int) -> Iterator[Sequence[http.client.HTTPConnection]]:
        """Lend connections, which may be closed ones: they open themselves."""
        with self._lock:
            # The last ones are those that were used last.
            first = max(len(self._idle) - count, 0)
            taken = self._idle[first:]
            del self._idle[first:]
        taken += [self._new() for _ in range(count - len(taken))]
        try:
            yield taken
        except BaseException:
            _close(taken)
            raise
        with self._lock:
            self._idle += taken
            surplus = self._idle[:-MOST_CONNECTIONS]
            del self._idle[:-MOST_CONNECTIONS]
        _close(surplus)

    def failed(self, connection: http.client.HTTPConnection, error: Exception) -> None:
        """Close a connection; when it could not even be opened, use none for a while."""
        was_lost = isinstance(error, http.client.HTTPException | ConnectionResetError)
        if isinstance(error, ssl.SSLError) or (connection.sock is None and not was_lost):
            self._unusable_until = time.monotonic() + COOLDOWN_SECONDS
        connection.close()

    def _new(self) -> http.client.HTTPConnection:
        if self._trust is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=self._trust)


def _close(connections: Iterable[http.client.HTTPConnection]) -> None:
    for connection in connections:
        connection.close()


def _trust() -> ssl.SSLContext | None:
    # As boto3's: the file of the site's CA, if it has one of its own. When it cannot be read, boto3 says so.
    try:
        return ssl.create_default_context(cafile=environ.get("AWS_CA_BUNDLE"))
    except OSError:
        return None


_UNCLEAR = Version("unclear")
