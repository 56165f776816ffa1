"""What the API server refuses of a pod, in a namespace with a ResourceQuota: all must say what they ask for."""

from config.quantities import millicores, storage_bytes
from tests.kubernetes_api.objects import ApiError, Resource

MUST_ASK_FOR = ("cpu", "memory", "ephemeral-storage")
# For pods that a test makes itself.
RESOURCES = {"requests": {"cpu": "100m", "memory": "1Gi", "ephemeral-storage": "1Gi"}}
READERS = {"cpu": millicores, "memory": storage_bytes, "ephemeral-storage": storage_bytes}


def admit(pod: Resource) -> None:
    """Let a pod in, or refuse it.

    Raises:
        ApiError: 403, it does not ask for something; 422, it asks for more than its limit, or for no quantity.
    """
    for container in pod["spec"]["containers"]:
        requests, limits = (container.get("resources", {}).get(kind, {}) for kind in ("requests", "limits"))
        missing = [f"requests.{name}" for name in MUST_ASK_FOR if name not in requests]
        if missing:
            raise ApiError(403, "Forbidden", f"failed quota: all: must specify {','.join(missing)}")
        try:
            over = [name for name in limits if READERS[name](requests[name]) > READERS[name](limits[name])]
        except (KeyError, ValueError) as error:
            raise ApiError(422, "Invalid", f"spec.containers[0].resources: Invalid value: {error}") from error
        if over:
            raise ApiError(422, "Invalid", f"requests: must be less than or equal to {over[0]} limit")
