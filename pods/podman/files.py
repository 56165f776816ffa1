"""The files of a pod on this host: the workspace of a pod without a claim, and its /etc/hosts."""

import shutil
from pathlib import Path

from pods.manifest import Pod, pod_manifest
from pods.podman.manifest import hosts_text


class PodFiles:
    """The files of all pods.

    Args:
        state_dir: The folder they lie in.
    """

    def __init__(self, state_dir: Path) -> None:
        self._hosts = state_dir / "hosts"
        self._scratch = state_dir / "scratch"

    def scratch(self, pod: Pod) -> Path:
        """Return the folder of a pod's own workspace, made when the pod has no claim."""
        folder = self._scratch / pod.name
        if not pod.claim:
            folder.mkdir(parents=True, exist_ok=True)
            # As an emptyDir is: every user of the pod may write there.
            folder.chmod(0o777)
        return folder

    def hosts(self, pod: Pod) -> Path | None:
        """Return the file to be a pod's /etc/hosts, made when Podman itself would make a wrong one."""
        if not (pod.host_network and pod.host_aliases):
            return None
        self._hosts.mkdir(parents=True, exist_ok=True)
        file = self._hosts / pod.name
        file.write_text(hosts_text(pod_manifest(pod), Path("/etc/hosts").read_text()))
        return file

    def remove(self, name: str) -> None:
        """Remove the files of a pod; none is success."""
        (self._hosts / name).unlink(missing_ok=True)
        shutil.rmtree(self._scratch / name, ignore_errors=True)
