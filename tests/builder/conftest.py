"""What the tests of the builder share."""

from collections.abc import Iterator

import pytest

from tests.builder.s3_stand_in import StandIn, stand_in
from tests.builder.small_root import busybox, workspace

__all__ = ["busybox", "workspace"]


@pytest.fixture
def server() -> Iterator[StandIn]:
    """A server that takes parts and fails as a test wants."""
    with stand_in() as running:
        yield running
