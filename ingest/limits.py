"""What a process that reads what came from outside may use up."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The limits of one ingest process.

    Args:
        bytes: The most that may be unpacked or rendered in all, bytes.
        entries: The most files, folders and links a recipe archive may hold.
        memory_bytes: Address space on top of what the program itself takes, bytes.
        seconds: Wall-clock time, seconds.
    """

    bytes: int
    entries: int
    memory_bytes: int
    seconds: int
