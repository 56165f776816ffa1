"""The limits of a process that reads foreign input."""

from dataclasses import dataclass, replace

MiB = 1 << 20
# What the slowest archives of honest recipes need, measured with a reserve: 100,000 small files in 2 MiB take 17 s.
_SECONDS_PER_MiB = 10
# As many times the limits of a small recipe are what a large one may need at most.
_MOST_TIMES = 30
# A busy host gives a process a small part of its processors.
_WALL_FACTOR = 20


@dataclass(frozen=True)
class Limits:
    """The limits of one ingest process.

    Args:
        bytes: The most that may be unpacked or rendered in total, bytes.
        entries: The most files, folders and links a recipe archive may hold.
        memory_bytes: Address space beyond that of the program itself, bytes.
        seconds: Processor time beyond that of the program's start, seconds.
    """

    bytes: int
    entries: int
    memory_bytes: int
    seconds: int

    @property
    def wall_seconds(self) -> int:
        """How long the process may take in all, seconds: a last resort, which only a very busy host reaches."""
        return self.seconds * _WALL_FACTOR

    def of_archive(self, archive_bytes: int) -> "Limits":
        """Return these limits of a small recipe as those of one whose archive has a size."""
        return replace(
            self,
            memory_bytes=self.memory_bytes + min(archive_bytes, self.memory_bytes),
            seconds=self.seconds + min(_SECONDS_PER_MiB * archive_bytes // MiB, _MOST_TIMES * self.seconds),
        )
