"""What a site's pods run on: Podman on this host, or the cluster that KUBECONFIG names (docs/kubernetes.md)."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pods.kubernetes.runtime import Kubernetes
from pods.podman.runtime import Podman
from pods.runtime import PodRuntime
from tasks.pods import kubernetes_options

LOOPBACK = "127.0.0.1"
# The address of this host by which the cluster's pods reach what the tests serve.
TEST_ADDRESS = "IMS_TEST_ADDRESS"
# What an administrator says of a cluster.
CHOICES = ("IMS_BUILDER_IMAGE", "IMS_KUBERNETES_", "IMS_POD_HOST_NETWORK")

on_every_platform = pytest.mark.parametrize(
    "platform", ["podman", pytest.param("cluster", marks=pytest.mark.cluster)], indirect=True
)


@dataclass(frozen=True)
class Platform:
    """What pods run on.

    Args:
        runtime: The runtime, as flows have it.
        address: Of this host, where its pods reach servers.
        environment: The variables by which flows find it.
    """

    runtime: PodRuntime
    address: str = LOOPBACK
    environment: dict[str, str] = field(default_factory=dict)


def podman(data_dir: Path) -> Platform:
    """Return Podman, as a flow has it whose data are in a folder."""
    return Platform(Podman(data_dir / "podman"))


def cluster() -> Platform:
    """Return the real cluster that KUBECONFIG names, with the settings of the environment."""
    chosen = {name: value for name, value in os.environ.items() if name.startswith(CHOICES)}
    environment = {"IMS_POD_RUNTIME": "kubernetes", "KUBECONFIG": os.environ["KUBECONFIG"], **chosen}
    return Platform(Kubernetes(kubernetes_options()), os.environ[TEST_ADDRESS], environment)
