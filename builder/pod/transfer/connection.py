"""One HTTP request to a presigned URL, and what its answer means."""

import http.client
import ssl
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from builder.pod.step import StepFailed, TryAgain
from builder.pod.transfer.attempts import Fault

CHUNK_BYTES = 1 << 20

_PASSING = {408, 425, 429, 500, 502, 503, 504}


def connect(url: str, silence_seconds: float) -> tuple[http.client.HTTPConnection, str]:
    """Return a connection to a URL's server, and what to ask it for.

    Raises:
        StepFailed: It is no HTTP URL.
    """
    parts = urlsplit(url)
    if not parts.hostname or parts.scheme not in {"http", "https"}:
        raise StepFailed(f"{place(url)} is not an http address")
    address = f"{parts.path}?{parts.query}" if parts.query else parts.path
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(
            parts.hostname, parts.port, timeout=silence_seconds, context=context
        ), address
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=silence_seconds), address


def raise_for_status(response: http.client.HTTPResponse, url: str) -> None:
    """Raise what an answer means that is no success.

    Raises:
        Fault: It may pass.
        TryAgain: The URL has expired.
        StepFailed: The server refuses.
    """
    if response.status in {200, 201, 204, 206}:
        return
    words = " ".join(response.read(2000).decode(errors="replace").split())
    answer = f"{place(url)} answered {response.status} {response.reason}: {words[:300]}"
    if response.status in _PASSING:
        raise Fault(answer)
    if response.status == http.client.FORBIDDEN:
        raise TryAgain(f"{answer} (the presigned address has expired or was signed with a wrong key)")
    raise StepFailed(answer)


def get(url: str, silence_seconds: float) -> Iterator[bytes]:
    """Return the body of an object, in pieces."""
    connection, address = connect(url, silence_seconds)
    try:
        connection.request("GET", address)
        response = connection.getresponse()
        raise_for_status(response, url)
        expected = response.length
        received = 0
        while chunk := response.read(CHUNK_BYTES):
            received += len(chunk)
            yield chunk
        if expected is not None and received != expected:
            raise Fault(f"the connection ended after {received} of {expected} bytes")
    finally:
        connection.close()


def put(url: str, chunks: Callable[[], Iterator[bytes]], size: int, silence_seconds: float) -> str:
    """Send a body and return its etag, without quotes."""
    connection, address = connect(url, silence_seconds)
    try:
        try:
            # No Content-Type: Ceph 20 refuses one that is not part of the signature.
            connection.request("PUT", address, body=chunks(), headers={"Content-Length": str(size)})
        except (BrokenPipeError, ConnectionResetError) as fault:
            # A server that refuses does not wait for the body: its answer says more than the broken pipe.
            try:
                raise_for_status(connection.getresponse(), url)
            except (OSError, http.client.HTTPException):
                raise fault from None
            raise
        response = connection.getresponse()
        raise_for_status(response, url)
        response.read()
        return (response.getheader("ETag") or "").strip('"')
    finally:
        connection.close()


def place(url: str) -> str:
    """Return a URL without what gives access."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
