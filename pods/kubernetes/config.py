"""Finding the cluster: KUBECONFIG when it is set, the worker's own cluster when it runs in one, else ~/.kube/config."""

import os
from pathlib import Path
from typing import Any

from kubernetes import config
from kubernetes.client import ApiClient, Configuration
from kubernetes.config.config_exception import ConfigException

from errors import Broken
from pods.kubernetes.options import KubernetesOptions

OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
# A connection for each pod that is followed at once; a further one is opened for one call only, with a warning.
CONNECTIONS = 256


def connect(options: KubernetesOptions) -> tuple[ApiClient, str]:
    """Return a client of the cluster, and the namespace that pods run in.

    Raises:
        Broken: No cluster is configured, or the configuration cannot be read.
    """
    configuration = Configuration()
    try:
        namespace = _configure(configuration, options.context)
    except (ConfigException, OSError, ValueError) as error:
        raise Broken(
            f"no Kubernetes cluster is configured: {error}",
            resolution="set KUBECONFIG, or run the worker in the cluster; IMS_POD_RUNTIME=podman needs none",
        ) from error
    # urllib3 would wait as long as a server's Retry-After says, and try again what must not be: our own limits hold.
    configuration.retries = False
    configuration.connection_pool_maxsize = CONNECTIONS
    return ApiClient(configuration), options.namespace or namespace or "default"


def _configure(configuration: Configuration, context: str) -> str:
    """Fill in the configuration and return the namespace that goes with it."""
    in_cluster = "KUBERNETES_SERVICE_HOST" in os.environ and not context and "KUBECONFIG" not in os.environ
    if in_cluster:
        config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        return OWN_NAMESPACE.read_text().strip()
    # Read here: the client reads the variable only once, when it is imported.
    file = os.environ.get("KUBECONFIG")
    config.load_kube_config(  # type: ignore[no-untyped-call]
        file, context=context or None, client_configuration=configuration
    )
    contexts, current = config.list_kube_config_contexts(file)  # type: ignore[no-untyped-call]
    chosen: dict[str, Any] = next((known for known in contexts if known["name"] == context), current)
    return str(chosen["context"].get("namespace", ""))
