"""The flow runs of the tests' Prefect server."""

from collections.abc import Iterator

import pytest

from runs.client import Runs, connected


@pytest.fixture
def runs(prefect_api: str) -> Iterator[Runs]:
    """The runs of a Prefect server that has no worker."""
    with connected(prefect_api) as found:
        yield found
