"""A runtime under test, and what its pods are made of."""

from dataclasses import dataclass
from datetime import timedelta

from pods.kubernetes.options import KubernetesOptions
from pods.runtime import PodRuntime

# For clusters that answer at once.
IMPATIENT = KubernetesOptions(
    schedule_limit=timedelta(seconds=0.5),
    start_limit=timedelta(seconds=1),
    pull_grace=timedelta(seconds=0.5),
    service_limit=timedelta(seconds=0.5),
    patience=timedelta(seconds=8),
    call_limit=timedelta(seconds=2),
    window=timedelta(seconds=1),
    silence=timedelta(seconds=1),
    pause=timedelta(seconds=0.1),
)


@dataclass(frozen=True)
class UnderTest:
    """A runtime under test.

    Args:
        runtime: The runtime.
        image: An image with a shell and a few programs.
        expression: How a process of its own makes the same runtime, in Python.
    """

    runtime: PodRuntime
    image: str
    expression: str
