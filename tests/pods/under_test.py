"""A runtime under test, and what its pods are made of."""

from dataclasses import dataclass

from pods.runtime import PodRuntime


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
