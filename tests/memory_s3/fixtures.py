"""How tests choose a server in memory: `@on_both` runs one there, and on the real server."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from tests.memory_s3.faults import MemoryFaults
from tests.memory_s3.server import MemoryS3
from tests.s3_server import S3Server

MEMORY = "memory"

in_memory = pytest.mark.parametrize("s3_server", [MEMORY], indirect=True)
on_both = pytest.mark.parametrize("s3_server", [MEMORY, "server"], indirect=True)


# On the real server only some calls are cut, since all of them are in memory: evenly spread over an operation.
REAL_STRIDE = 11


@dataclass(frozen=True)
class InMemory(S3Server):
    """A server in memory, by the address that this process reaches it by."""

    memory: MemoryS3 = field(default_factory=MemoryS3)


@contextmanager
def memory_server() -> Iterator[InMemory]:
    """Run a server in memory."""
    memory = MemoryS3()
    with memory.reached():
        yield InMemory(memory.endpoint_url, "access-key", "secret-key", memory)


@contextmanager
def memory_faults(server: InMemory) -> Iterator[MemoryFaults]:
    """Give a second address to a server in memory, whose calls can fail."""
    faults = MemoryFaults(server.memory)
    with faults.reached():
        yield faults


@pytest.fixture
def stride(s3_server: S3Server) -> int:
    """Which of a table's calls a test cuts at: every one in memory, each eleventh on the real server."""
    return 1 if isinstance(s3_server, InMemory) else REAL_STRIDE


def uses_memory(item: pytest.Item) -> bool:
    """Tell whether a test runs on a server in memory."""
    chosen = getattr(item, "callspec", None)
    return chosen is not None and chosen.params.get("s3_server") == MEMORY
