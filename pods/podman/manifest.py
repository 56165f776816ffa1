"""The changes by which Podman runs a Kubernetes manifest as Kubernetes would.

Podman 4.3 expands no `$(NAME)`, mounts claims nosuid and nodev (Kubernetes does not; in them a chroot's own devices
would not open), makes volumes that stay of emptyDirs, and leaves hostAliases out of a pod in the host's network.
Limits of processors hold. Requests of them count for nothing: a host schedules nothing, and its pods weigh alike, 1024
shares each. Neither requests nor limits of storage count.
"""

from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from pods.manifest import WORKSPACE_VOLUME, unescaped

HOSTS_VOLUME = "hosts"


class QuotedDumper(yaml.SafeDumper):
    """Writes every string in double quotes, ASCII only.

    Podman's YAML reader and PyYAML disagree on which plain words are numbers or booleans, and JSON's surrogate pairs
    are no YAML.
    """


QuotedDumper.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)


def to_yaml(manifest: dict[str, Any]) -> str:
    """Return a manifest as YAML that every reader reads alike."""
    return yaml.dump(manifest, Dumper=QuotedDumper, allow_unicode=False, width=float("inf"), sort_keys=False)


def for_podman(manifest: dict[str, Any], *, scratch: Path, hosts_file: Path | None = None) -> dict[str, Any]:
    """Return a Pod manifest as Podman needs it.

    Args:
        manifest: A single-container Pod for Kubernetes.
        scratch: The folder to be the workspace of a pod without a claim.
        hosts_file: The file to show as /etc/hosts instead of what Podman would make of hostAliases.
    """
    pod = deepcopy(manifest)
    spec = pod["spec"]
    # There is one node.
    spec.pop("nodeSelector", None)
    for container in spec["containers"]:
        container["command"] = [unescaped(word) for word in container["command"]]
        for entry in container["env"]:
            if "value" in entry:
                entry["value"] = unescaped(entry["value"])
        for mount in container["volumeMounts"]:
            mount["mountPath"] += ":dev,suid"
        if hosts_file:
            container["volumeMounts"].append({"name": HOSTS_VOLUME, "mountPath": "/etc/hosts"})
    spec["volumes"] = [_volume(volume, scratch) for volume in spec["volumes"]]
    if hosts_file:
        spec.pop("hostAliases", None)
        spec["volumes"].append({"name": HOSTS_VOLUME, "hostPath": {"path": str(hosts_file), "type": "File"}})
    return pod


def _volume(volume: dict[str, Any], scratch: Path) -> dict[str, Any]:
    # Podman would make a named volume of an emptyDir, one for all pods that call theirs the same, and leave it behind.
    if "emptyDir" not in volume:
        return volume
    return {"name": WORKSPACE_VOLUME, "hostPath": {"path": str(scratch), "type": "Directory"}}


def hosts_text(manifest: dict[str, Any], host: str) -> str:
    """Return /etc/hosts for a pod in the host's network: the manifest's aliases above the host's own entries."""
    lines = [f"{entry['ip']} {' '.join(entry['hostnames'])}" for entry in manifest["spec"]["hostAliases"]]
    return "\n".join([*lines, host])
