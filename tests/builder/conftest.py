"""What the tests of the builder share."""

from collections.abc import Iterator

import pytest

from tests.builder.s3_stand_in import StandIn, stand_in


@pytest.fixture
def server() -> Iterator[StandIn]:
    """A server that takes parts and fails as told."""
    with stand_in() as running:
        yield running
