"""Files of a backup, written so that they survive a loss of power."""

import hashlib
import os
from pathlib import Path


def put(file: Path, data: bytes) -> None:
    """Write a file in one step: it is there whole, or as it was before."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.new")
    with part.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(file)
    sync(file.parent)


def sync(path: Path) -> None:
    """Have a folder or a file on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(file: Path) -> str:
    """Return the sha256 of a file of any size."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, hashlib.sha256).hexdigest()
