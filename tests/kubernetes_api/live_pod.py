"""A pod of the fake cluster on its node: its status, its output, and its command run on this host."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.kubernetes_api.objects import Objects, Resource, moment
from tests.kubernetes_api.variables import expanded

TICK = 0.02


class Gone(Exception):
    """The pod was removed by force."""


@dataclass
class Log:
    """A container's output: each line with the moment it was written."""

    lines: list[tuple[datetime, bytes]] = field(default_factory=list)
    ended: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)

    def write(self, text: bytes) -> None:
        with self.changed:
            self.lines.append((datetime.now(UTC), text))
            self.changed.notify_all()

    def end(self) -> None:
        with self.changed:
            self.ended = True
            self.changed.notify_all()


class LivePod:
    """A pod's life on its node: a script decides what its status shows.

    Args:
        objects: The cluster's.
        entry: The pod as it was created.
        workspaces: The folder that stands for volumes.
    """

    def __init__(self, objects: Objects, entry: Resource, workspaces: Path) -> None:
        self.entry = entry
        self.log = Log()
        self.stop = threading.Event()
        self.killed = threading.Event()
        self._objects = objects
        self._workspaces = workspaces
        self._started = ""

    @property
    def name(self) -> str:
        return str(self.entry["metadata"]["name"])

    @property
    def uid(self) -> str:
        return str(self.entry["metadata"]["uid"])

    @property
    def image(self) -> str:
        return str(self.entry["spec"]["containers"][0]["image"])

    def status(self, **changes: Any) -> None:
        self._change(lambda entry: entry.setdefault("status", {}).update(changes))

    def condition(self, kind: str, status: str, reason: str = "", message: str = "") -> None:
        def edit(entry: Resource) -> None:
            others = [known for known in entry["status"].get("conditions", []) if known["type"] != kind]
            told = {"type": kind, "status": status, "reason": reason, "message": message}
            entry["status"]["conditions"] = [*others, told]

        self._change(edit)

    def event(self, reason: str, message: str, kind: str = "Pod", name: str = "") -> None:
        involved = {"kind": kind, "name": name or self.name, "uid": self.uid if kind == "Pod" else "other"}
        told = {"reason": reason, "message": message, "lastTimestamp": moment(), "count": 1, "type": "Warning"}
        self._objects.create("events", {"metadata": {}, "involvedObject": involved, **told})

    def schedule(self) -> None:
        self._change(lambda entry: entry["spec"].update(nodeName="node-1"))
        self.condition("PodScheduled", "True")
        self.status(hostIP="192.0.2.7")

    def unschedulable(self, message: str) -> None:
        self.condition("PodScheduled", "False", "Unschedulable", message)
        self.event("FailedScheduling", message)

    def waits(self, reason: str, message: str = "") -> None:
        self._container({"waiting": {"reason": reason, "message": message}})

    def start(self) -> None:
        self._started = moment()
        self._container({"running": {"startedAt": self._started}})
        self.status(phase="Running")

    def say(self, text: str) -> None:
        self.log.write(text.encode())

    def exit(self, code: int, reason: str = "", message: str = "") -> None:
        word = reason or ("Completed" if code == 0 else "Error")
        ended = {"exitCode": code, "reason": word, "startedAt": self._started, "finishedAt": moment()}
        self.log.end()
        self._container({"terminated": ended | ({"message": message} if message else {})})
        self.status(phase="Succeeded" if code == 0 else "Failed")

    def pause(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            Gone: The pod was removed by force.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.killed.wait(min(TICK, seconds)):
                raise Gone

    def forever(self) -> None:
        """Wait until the pod is asked to end."""
        while not self.stop.is_set():
            self.pause(TICK)

    def asked_to_go(self, seconds: float = 30) -> None:
        """Be deleted as by the API, with a grace; the kubelet has yet to do it."""
        at = moment(datetime.now(UTC) + timedelta(seconds=seconds))
        self._change(lambda entry: entry["metadata"].update(deletionTimestamp=at))

    def vanish(self) -> None:
        """Be gone from the API."""
        self.log.end()
        self._objects.remove("pods", self.name, self.uid)

    def run_command(self) -> int:
        """Run the container's command on this host, as Kubernetes would read it, and return its exit code."""
        container = self.entry["spec"]["containers"][0]
        variables: dict[str, str] = {}
        for entry in container["env"]:
            variables[entry["name"]] = self._value(entry, variables)
        command = [self._local(expanded(word, variables)) for word in container["command"]]
        environment = {"PATH": os.environ["PATH"], **variables}
        with subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:
            supervisor = threading.Thread(target=self._supervise, args=(process,), daemon=True)
            supervisor.start()
            assert process.stdout is not None
            for line in process.stdout:
                self.log.write(line)
            code = process.wait()
        return 128 - code if code < 0 else code

    def _value(self, entry: Resource, variables: dict[str, str]) -> str:
        if "value" in entry:
            return expanded(entry["value"], variables)
        kind, _, name = entry["valueFrom"]["fieldRef"]["fieldPath"].partition(".")
        return str(self.entry[kind][name])

    def _supervise(self, process: "subprocess.Popen[bytes]") -> None:
        asked = False
        while process.poll() is None:
            if self.killed.is_set():
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                # `timeout` gives its command a group of its own.
                subprocess.run(["pkill", "-KILL", "-s", str(process.pid)], check=False)
            elif self.stop.is_set() and not asked:
                asked = True
                process.terminate()
            time.sleep(TICK)

    def _local(self, word: str) -> str:
        """Return a word of the command with the workspace's folder on this host."""
        for volume in self.entry["spec"].get("volumes", []):
            name = (volume.get("persistentVolumeClaim") or {}).get("claimName") or self.uid
            on_node = (volume.get("hostPath") or {}).get("path")
            folder = Path(on_node) if on_node else self._workspaces / name
            folder.mkdir(parents=True, exist_ok=True)
            word = word.replace("/workspace", str(folder))
        return word

    def _container(self, state: Resource) -> None:
        self.status(containerStatuses=[{"name": "step", "image": self.image, "state": state, "lastState": {}}])

    def _change(self, edit: Callable[[Resource], None]) -> None:
        self._objects.change("pods", self.name, self.uid, edit)
