"""The limits of a process that reads foreign input."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The limits of one ingest process.

    Args:
        bytes: The most that may be unpacked or rendered in total, bytes.
        entries: The most files, folders and links a recipe archive may hold.
        memory_bytes: Address space beyond that of the program itself, bytes.
        seconds: Wall-clock time, seconds.
    """

    bytes: int
    entries: int
    memory_bytes: int
    seconds: int
