"""A node of a fake cluster that runs its pods for real: Podman."""

import subprocess
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pods.podman.command import PodmanCommand
from pods.podman.manifest import for_podman, to_yaml
from tests.kubernetes_api.live_pod import LivePod
from tests.kubernetes_api.objects import Resource

KEPT_OF_METADATA = ("name", "labels", "annotations")


class PodmanNode:
    """Runs pods by `podman kube play`, and removes what is left of them.

    Args:
        folder: For Podman's configuration, and for workspaces of single pods.
    """

    def __init__(self, folder: Path) -> None:
        self._podman = PodmanCommand(folder)
        self._scratch = folder / "scratch"
        self._claims: set[str] = set()

    def runs(self, pod: LivePod) -> None:
        """Run a pod in a real container."""
        claims = [volume.get("persistentVolumeClaim", {}).get("claimName") for volume in pod.entry["spec"]["volumes"]]
        self._claims |= {claim for claim in claims if claim}
        self._scratch.mkdir(parents=True, exist_ok=True)
        self._scratch.chmod(0o777)
        manifest = to_yaml(for_podman(_as_written(pod.entry), scratch=self._scratch))
        pod.schedule()
        answer = self._podman.ask("kube", "play", "--log-driver", "k8s-file", "-", stdin=manifest)
        if answer.code:
            pod.waits("CreateContainerError", answer.reason)
            pod.forever()
            return
        container = f"{pod.name}-step"
        pod.start()
        threading.Thread(target=self._kill, args=(pod,), daemon=True).start()
        with self._podman.stream("logs", "--follow", container) as output, open(output, "rb", closefd=False) as lines:
            _copy(lines, pod)
        self._podman.ask("wait", container)
        ended = self._podman.ask("container", "inspect", "--format", "{{.State.ExitCode}}", container)
        # One that was removed by force has no exit code any more.
        pod.exit(int(ended.stdout) if ended.code == 0 else 137)

    def clear(self, pods: Iterable[LivePod]) -> None:
        """Remove what is left."""
        names = [pod.name for pod in pods]
        if names:
            subprocess.run(["podman", "pod", "rm", "--force", "--time", "0", "--ignore", *names], check=True)
        if self._claims:
            subprocess.run(["podman", "volume", "rm", "--force", *self._claims], check=True)

    def _kill(self, pod: LivePod) -> None:
        pod.stop.wait()
        self._podman.ask("kill", "--signal", "TERM", f"{pod.name}-step")
        pod.killed.wait(5)
        self._podman.ask("pod", "rm", "--force", "--time", "0", "--ignore", pod.name)


def _copy(lines: Any, pod: LivePod) -> None:
    for line in lines:
        pod.log.write(line)


def _as_written(entry: Resource) -> Resource:
    """Return a pod as it was created, without what the cluster has added."""
    meta = {key: value for key, value in entry["metadata"].items() if key in KEPT_OF_METADATA}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": entry["spec"]}
