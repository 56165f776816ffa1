"""Parts of an object, fetched on condition that it is still the same object."""

import http.client
from dataclasses import dataclass
from pathlib import Path

from builder.pod.step import StepFailed
from builder.pod.transfer.attempts import PATIENCE, Fault, Patience, try_again_after_faults
from builder.pod.transfer.connection import CHUNK_BYTES, connect, place, raise_for_status


@dataclass(frozen=True)
class Source:
    """An object to fetch in parts: its presigned URL, its size in bytes, and its etag when that is known."""

    url: str
    size: int
    etag: str = ""


class Replaced(StepFailed):
    """An object is not the one that was meant: it has another etag or size."""


def read_range(source: Source, file: Path, offset: int, size: int, *, patience: Patience = PATIENCE) -> None:
    """Fetch a part of an object into its place in a file that is there.

    Args:
        source: The object.
        file: The file.
        offset: Where the part begins, in the object as in the file.
        size: How many bytes it has.
        patience: How often to try.

    Raises:
        TryAgain: The server did not hand it over within the attempts, or the URL has expired.
        Replaced: The object is another one by now.
        StepFailed: The server refuses, or there is no space left for it.
    """
    asked = {"Range": f"bytes={offset}-{offset + size - 1}"}
    if source.etag:
        asked["If-Match"] = f'"{source.etag}"'

    def fetch() -> None:
        connection, address = connect(source.url, patience.silence_seconds)
        try:
            connection.request("GET", address, headers=asked)
            response = connection.getresponse()
            _refuse_other(response, source)
            raise_for_status(response, source.url)
            came = response.getheader("Content-Range")
            if came != f"bytes {offset}-{offset + size - 1}/{source.size}":
                raise Fault(f"{place(source.url)} sends {came or 'no range'}, asked for {asked['Range']}")
            _write_all(response, file, offset, size)
        finally:
            connection.close()

    what = f"download of bytes {offset} and on from {place(source.url)}"
    try_again_after_faults(fetch, what, patience)


def _refuse_other(response: http.client.HTTPResponse, source: Source) -> None:
    """Refuse an object that is not the one that was meant: it has another etag or size."""
    if response.status == http.client.PRECONDITION_FAILED:
        raise Replaced(f"{place(source.url)} has another etag than {source.etag} by now")
    # `bytes 0-9/1234`, or, of an object that has less, `bytes */1234`.
    total = (response.getheader("Content-Range") or "").rpartition("/")[2]
    if total.isdigit() and int(total) != source.size:
        raise Replaced(f"{place(source.url)} has {total} bytes, not {source.size}")


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
        raise Fault(f"the connection ended after {received} of {size} bytes")
