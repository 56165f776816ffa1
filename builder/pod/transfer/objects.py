"""Whole objects: small documents, and files."""

import hashlib
from pathlib import Path

from builder.pod.transfer.attempts import PATIENCE, Fault, Patience, try_again_after_faults
from builder.pod.transfer.connection import get, place, put
from builder.pod.whole_file import whole_file


def read(url: str, *, patience: Patience = PATIENCE) -> bytes:
    """Fetch a small document.

    Raises:
        TryAgain: The server did not hand it over within the attempts, or the URL has expired.
        StepFailed: The server refuses.
    """
    return try_again_after_faults(
        lambda: b"".join(get(url, patience.silence_seconds)), f"download from {place(url)}", patience
    )


def write(url: str, document: bytes, *, patience: Patience = PATIENCE) -> None:
    """Store a small document.

    Raises:
        TryAgain: The server did not take it within the attempts, or the URL has expired.
        StepFailed: The server refuses.
    """
    try_again_after_faults(
        lambda: put(url, lambda: iter([document]), len(document), patience.silence_seconds),
        f"upload to {place(url)}",
        patience,
    )


def download(url: str, target: Path, digest: str, *, algorithm: str = "sha256", patience: Patience = PATIENCE) -> None:
    """Fetch a file, and check it before it gets its name.

    Args:
        url: Its URL.
        target: Its name here.
        digest: The checksum that it must have, in hexadecimal; empty when none is known.
        algorithm: What the checksum was made by.
        patience: How often to try.

    Raises:
        TryAgain: The server did not hand it over whole within the attempts, or the URL has expired.
        StepFailed: The server refuses, or there is no space left for it.
    """
    with whole_file(target) as partial:

        def fetch() -> None:
            received = hashlib.new(algorithm, usedforsecurity=False)
            with partial.open("wb") as file:
                for chunk in get(url, patience.silence_seconds):
                    received.update(chunk)
                    file.write(chunk)
            if digest and received.hexdigest() != digest:
                raise Fault(f"what came has another {algorithm} than it should")

        try_again_after_faults(fetch, f"download of {target.name} from {place(url)}", patience)
