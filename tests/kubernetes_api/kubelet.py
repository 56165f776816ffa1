"""The fake cluster's scheduler and kubelet: a thread for each pod, which follows a script or runs the command."""

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.kubernetes_api.live_pod import TICK, Gone, LivePod
from tests.kubernetes_api.objects import Objects, Resource

Life = Callable[[LivePod], None]


class Kubelet:
    """All pods of a fake cluster.

    Args:
        objects: The cluster's.
        workspaces: The folder that stands for volumes.
        lives: What becomes of the pods of a step.
        default: What becomes of all others.
    """

    def __init__(self, objects: Objects, workspaces: Path, lives: dict[str, Life], default: Life) -> None:
        self.pods: dict[str, LivePod] = {}
        self._objects = objects
        self._workspaces = workspaces
        self._lives = lives
        self._default = default

    def accept(self, entry: Resource) -> None:
        """Begin a pod's life."""
        pod = LivePod(self._objects, entry, self._workspaces)
        self.pods[pod.uid] = pod
        life = self._lives.get(entry["metadata"]["labels"].get("ims/step", ""), self._default)
        threading.Thread(target=self._live, args=(pod, life), daemon=True).start()

    def end(self, entry: Resource, grace: float) -> None:
        """Delete a pod: at once, or after SIGTERM and a grace."""
        pod = self.pods[entry["metadata"]["uid"]]
        over = entry.get("status", {}).get("phase") in {"Succeeded", "Failed"}
        if grace <= 0 or over or not entry["spec"].get("nodeName"):
            pod.stop.set()
            pod.killed.set()
            pod.vanish()
            return
        if pod.stop.is_set():
            return
        pod.asked_to_go(grace)
        pod.stop.set()
        threading.Thread(target=self._kill_after, args=(pod, grace), daemon=True).start()

    def close(self) -> None:
        for pod in list(self.pods.values()):
            pod.stop.set()
            pod.killed.set()

    def _live(self, pod: LivePod, life: Life) -> None:
        with contextlib.suppress(Gone):
            life(pod)
        if pod.stop.is_set():
            pod.vanish()

    def _kill_after(self, pod: LivePod, grace: float) -> None:
        end = time.monotonic() + grace
        while time.monotonic() < end:
            if pod.log.ended:
                # It has ended by itself, and its status was seen for a moment.
                time.sleep(TICK)
                pod.vanish()
                return
            time.sleep(TICK)
        pod.killed.set()
        pod.vanish()
