"""What the pod of each step requests of its node, as the settings say."""

from config.settings import settings
from pods.resources import Resources

SHELLS = frozenset({"shell", "debug-shell"})
# They copy data, or end in seconds; all others compute: kiwi, dracut, package managers, mksquashfs.
LIGHT = frozenset({"upload", "ca-rpm", "release"})


def resources_of(step: str) -> Resources:
    """Return the requests and limits of a step's pod."""
    chosen = settings().resources
    if step in SHELLS:
        cpu = chosen.shell_cpu_request
    elif step in LIGHT:
        cpu = chosen.light_cpu_request
    else:
        cpu = chosen.build_cpu_request
    return Resources(
        cpu_request=cpu,
        cpu_limit=chosen.pod_cpu_limit,
        storage_request=chosen.pod_storage_request,
        storage_limit=chosen.pod_storage_limit,
    )
