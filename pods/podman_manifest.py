"""What Podman needs changed in a Kubernetes manifest to run it as Kubernetes would.

Podman 4.3 ignores activeDeadlineSeconds, expands no `$(NAME)`, mounts claims nosuid and nodev (Kubernetes does not; in
them a chroot's own devices would not open), and leaves hostAliases out of a pod in the host's network.
"""

from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from pods.diagnosis import OUT_OF_MEMORY_LINE
from pods.manifest import GRACE, unescaped

DEADLINE_ANNOTATION = "ims/deadline-seconds"
HOSTS_VOLUME = "hosts"

# Not every conmon sees an OOM kill on a cgroup v1 hybrid, and none says so when the step itself lives on, so the
# step's own cgroup is asked, once the step has failed. Only shell builtins: the image may have little. A signal to
# stop reaches the step as well; this shell outlives it to pass its exit code on. One stream for both outputs keeps
# their order.
WATCH_MEMORY = f"""\
exec 2>&1
trap : TERM INT HUP
"$@"
code=$?
[ "$code" = 0 ] && exit 0
for file in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do
    [ -r "$file" ] || continue
    while read -r key value; do
        [ "$key" = oom_kill ] && [ "$value" != 0 ] && echo "{OUT_OF_MEMORY_LINE}"
    done <"$file"
done
exit "$code"
"""


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


def for_podman(manifest: dict[str, Any], *, hosts_file: Path | None = None) -> dict[str, Any]:
    """Return a Pod manifest as Podman has to be told it.

    Args:
        manifest: A single-container Pod for Kubernetes.
        hosts_file: The file to show as /etc/hosts instead of what Podman would make of hostAliases.
    """
    pod = deepcopy(manifest)
    spec = pod["spec"]
    seconds = spec["activeDeadlineSeconds"]
    pod["metadata"].setdefault("annotations", {})[DEADLINE_ANNOTATION] = str(seconds)
    for container in spec["containers"]:
        # In the pod itself, not in the flow's process: the pod must end when that one has been killed, too.
        limit = ["timeout", "-k", str(int(GRACE.total_seconds())), str(seconds)]
        container["command"] = [*limit, "sh", "-c", WATCH_MEMORY, "step", *map(unescaped, container["command"])]
        for entry in container["env"]:
            entry["value"] = unescaped(entry["value"])
        for mount in container.get("volumeMounts", []):
            mount["mountPath"] += ":dev,suid"
        if hosts_file:
            container.setdefault("volumeMounts", []).append({"name": HOSTS_VOLUME, "mountPath": "/etc/hosts"})
    if hosts_file:
        spec.pop("hostAliases", None)
        volume = {"name": HOSTS_VOLUME, "hostPath": {"path": str(hosts_file), "type": "File"}}
        spec.setdefault("volumes", []).append(volume)
    return pod


def hosts_text(manifest: dict[str, Any], host: str) -> str:
    """Return /etc/hosts for a pod in the host's network: the manifest's aliases above the host's own entries."""
    lines = [f"{entry['ip']} {' '.join(entry['hostnames'])}" for entry in manifest["spec"]["hostAliases"]]
    return "\n".join([*lines, host])
