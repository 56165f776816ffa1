"""The Podman runtime: pods of this host, by `podman kube play`.

A pod that ended stays until `remove`: a flow that comes back finds it and reads its result. A step that has run is
never run again.
"""

import json
import logging
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from errors import Broken, Interrupted, NotFound, Unreachable
from pods.facts import Facts
from pods.log_copy import TAIL_LINES, Lines, LogCopy
from pods.manifest import ATTEMPT_LABEL, CONTAINER, JOB_LABEL, STEP_LABEL, Claim, Pod, claim_manifest, pod_manifest
from pods.podman.command import PodmanCommand, failure
from pods.podman.container import Container
from pods.podman.files import PodFiles
from pods.podman.manifest import for_podman, to_yaml
from pods.podman.watch import blocks, latest_end, watch
from pods.polling import attempts, poll
from pods.runtime import Endpoint, Outcome

logger = logging.getLogger(__name__)

PULL_LIMIT = timedelta(minutes=15)
CREATE_LIMIT = timedelta(minutes=2)
PAUSES_WHEN_BUSY = (timedelta(seconds=1), timedelta(seconds=2))
# A `kube play` takes well under a second. One whose caller was killed may still run for this long.
SETTLE_LIMIT = timedelta(seconds=10)
SETTLE_PAUSE = timedelta(seconds=0.25)
# With the removal itself, a job is gone within 30 seconds, whatever its steps do with SIGTERM.
STOP_GRACE = timedelta(seconds=8)
STOP_LIMIT = timedelta(seconds=15)
KILL_LIMIT = timedelta(seconds=10)
KILLS = 3


class Podman:
    """Runs pods with the Podman of this host, as root.

    Args:
        state_dir: Folder for the configuration of Podman on this host, and for workspaces of single pods.
        address: The address of this host that pods serve on.
    """

    def __init__(self, state_dir: Path, address: str = "127.0.0.1") -> None:
        """Start nothing: Podman has no daemon."""
        self.listen_address = address
        self._podman = PodmanCommand(state_dir)
        self._files = PodFiles(state_dir)
        self._warned_of_memory = self._warned_of_processors = False

    def create_claim(self, claim: Claim) -> None:
        """Make a job's workspace: a named volume. One that is there already is taken. Podman sets no limit on its size.

        Raises:
            Broken, Unreachable: Podman fails, or does not answer.
        """
        if not self._exists("volume", claim.name):
            answer = self._podman.ask("kube", "play", "-", stdin=to_yaml(claim_manifest(claim)))
            # Another process of the same job may have been faster.
            if answer.code != 0 and not self._exists("volume", claim.name):
                self._podman.run("kube", "play", "-", stdin=to_yaml(claim_manifest(claim)))

    def run(self, pod: Pod, *, log: Path, on_line: Callable[[str], None] | None = None) -> Outcome:
        """Run a pod to its end, or adopt the one of its name (see PodRuntime).

        Raises:
            NotFound: the pod's claim does not exist.
            Broken, Unreachable: Podman fails, or does not answer.
            Interrupted: the pod was removed while it ran.
        """
        with LogCopy(log, on_line) as copy:
            container = self._find(pod.name) or self._create(pod)
            if isinstance(container, Outcome):
                return container
            if container.is_running:
                container = self._follow(container, copy)
            if container.is_lost:
                # Its exit code is lost, and the next attempt must have the workspace to itself.
                logger.warning("pod %s has lost its supervisor; its remaining processes are killed", pod.name)
                self._podman.ask("kill", container.name)
            self._read_log(container, copy)
            return Outcome.of(container.facts(list(copy.tail)))

    def outcome(self, name: str) -> Outcome | None:
        """Return how the pod of that name stands, or None when there is none or its step never started."""
        container = self._container(name)
        if container is None or not container.has_started:
            return None
        tail = self._tail(container)
        return container.running(tail) if container.is_running else Outcome.of(container.facts(tail))

    def attempts(self, job_id: str, step: str) -> dict[int, Outcome | None]:
        """Return how the pods of a job's step stand that are there, by attempt; None: it has not started yet."""
        labels = (f"label={JOB_LABEL}={job_id}", f"label={STEP_LABEL}={step}")
        pods = self._list("pod", "ps", *(word for label in labels for word in ("--filter", label)))
        return {int(pod["Labels"][ATTEMPT_LABEL]): self.outcome(pod["Name"]) for pod in pods}

    def publish(self, job_id: str, step: str, port: int) -> Endpoint:
        """Return where a step's port is reached: it is the host's own."""
        return Endpoint(self.listen_address, port)

    def remove(self, job_id: str) -> list[str]:
        """Stop and remove every pod and claim of a job, and return their names; nothing there is success.

        Raises:
            Broken, Unreachable: Podman fails, or does not answer.
        """
        mine = f"label={JOB_LABEL}={job_id}"
        pods = [entry["Name"] for entry in self._list("pod", "ps", "--filter", mine)]
        if pods:
            # All at once: one after the other, several steps that ignore SIGTERM would take too long.
            containers = [f"{pod}-{CONTAINER}" for pod in pods]
            try:
                self._podman.ask("stop", "--ignore", "--time", str(STOP_GRACE.seconds), *containers, limit=STOP_LIMIT)
            except Unreachable as error:
                logger.warning("job %s does not stop, its pods are removed by force: %s", job_id, error.message)
            self._podman.run("pod", "rm", "--force", "--ignore", "--time", "0", *pods)
        for pod in pods:
            self._files.remove(pod)
        claims = [entry["Name"] for entry in self._list("volume", "ls", "--filter", mine)]
        for claim in claims:
            self._podman.ask("volume", "rm", "--force", claim)
            if self._exists("volume", claim):
                self._podman.run("volume", "rm", "--force", claim)
        return pods + claims

    def jobs(self) -> dict[str, datetime]:
        """Return the ids of the jobs that have pods or claims here, and when the youngest of these was made."""
        pods = [(entry, entry["Created"]) for entry in self._list("pod", "ps")]
        claims = [(entry, entry["CreatedAt"]) for entry in self._list("volume", "ls")]
        found: dict[str, datetime] = {}
        for entry, said in pods + claims:
            if job_id := (entry.get("Labels") or {}).get(JOB_LABEL):
                made = datetime.fromisoformat(said)
                found[job_id] = max(made, found.get(job_id, made))
        return found

    def _list(self, *arguments: str) -> list[dict[str, Any]]:
        # Podman prints nothing at all, or null, for no entries.
        return json.loads(self._podman.run(*arguments, "--format", "json") or "null") or []

    def _exists(self, kind: str, name: str) -> bool:
        answer = self._podman.ask(kind, "exists", name)
        # 1 is "no"; any other code is no answer: taken for a no, it would have what is there created again.
        if answer.code > 1:
            raise failure(answer, kind, "exists")
        return answer.code == 0

    def _container(self, pod_name: str) -> Container | None:
        container = self._inspected(pod_name)
        # It may have ended between Podman's answer and our look at its supervisor: then Podman knows it by now.
        return self._inspected(pod_name) if container and container.is_lost else container

    def _inspected(self, pod_name: str) -> Container | None:
        answer = self._podman.ask("container", "inspect", f"{pod_name}-{CONTAINER}")
        if answer.code == 0:
            return Container(json.loads(answer.stdout)[0])
        if "no such" not in answer.stderr.lower():
            raise failure(answer, "container", "inspect")
        return None

    def _find(self, pod_name: str) -> Container | None:
        """Return the pod's container when it runs or ran; remove one that was never started."""

        def look() -> Container | bool | None:
            if not self._exists("pod", pod_name):
                return False
            container = self._container(pod_name)
            return container if container and container.has_started else None

        found = poll(look, SETTLE_LIMIT, SETTLE_PAUSE)
        if found is None:
            logger.warning("pod %s was partially created and never started; it is created again", pod_name)
            self._remove_pod(pod_name)
        return found if isinstance(found, Container) else None

    def _remove_pod(self, pod_name: str) -> None:
        self._podman.run("pod", "rm", "--force", "--ignore", "--time", "0", pod_name)

    def _create(self, pod: Pod) -> Container | Outcome:
        if pod.claim and not self._exists("volume", pod.claim):
            # Podman would make a volume without labels, which would never be removed.
            raise NotFound(f"claim {pod.claim} of pod {pod.name} does not exist", resolution="run the job again")
        if error := self._missing_image(pod.image):
            return self._refused(pod, error)
        if pod.serves:
            pod = pod.model_copy(update={"host_network": True})
        scratch, hosts_file = self._files.scratch(pod), self._files.hosts(pod)
        manifest = to_yaml(for_podman(pod_manifest(pod), scratch=scratch, hosts_file=hosts_file))
        for _ in attempts(PAUSES_WHEN_BUSY):
            # Podman's own choice, journald, drops lines of a chatty step.
            command = ("kube", "play", "--log-driver", "k8s-file", "-")
            answer = self._podman.ask_once(*command, stdin=manifest, limit=CREATE_LIMIT)
            container = self._container(pod.name)
            if container and container.has_started:
                self._warn_without_limits(container, pod)
                return container
            self._remove_pod(pod.name)
            if not answer.is_busy:
                return self._refused(pod, answer.reason)
        raise Unreachable(f"podman is too busy to start pod {pod.name}: {answer.reason}")

    def _missing_image(self, image: str) -> str:
        """Return why an image is not here and cannot be pulled; empty when it is here."""
        if self._exists("image", image):
            return ""
        if image.startswith("localhost/"):
            return "no such image"
        answer = self._podman.ask("pull", "--quiet", image, limit=PULL_LIMIT)
        return f"no such image: {answer.reason}" if answer.code != 0 else ""

    def _refused(self, pod: Pod, error: str) -> Outcome:
        return Outcome.of(Facts(name=pod.name, image=pod.image, error=error))

    def _warn_without_limits(self, container: Container, pod: Pod) -> None:
        # Podman leaves out, with a line on its own stderr, what the host's cgroups do not take.
        if container.memory_bytes == 0 and not self._warned_of_memory:
            self._warned_of_memory = True
            logger.warning("this host's cgroups take no memory limits: pods run without them")
        if pod.resources.cpu_limit and not container.has_cpu_limit and not self._warned_of_processors:
            self._warned_of_processors = True
            logger.warning("this host's cgroups take no limits on processors: pods run without IMS_POD_CPU_LIMIT")

    def _follow(self, container: Container, copy: LogCopy) -> Container:
        """Wait for the end of a container, copying its output, and return it as it stands then."""
        until = latest_end(container)
        kills = 0
        while container.is_running:
            if time.time() >= until:
                self._kill(container, kills)
                kills, until = kills + 1, time.time() + KILL_LIMIT.total_seconds()
            copy.begin_again()
            watch(self._podman, container, copy, until)
            now = self._container(container.pod)
            if now is None:
                raise Interrupted(f"pod {container.pod} was removed while it ran")
            container = now
        return container

    def _kill(self, container: Container, times: int) -> None:
        if times == KILLS:
            raise Broken(
                f"pod {container.pod} is past its deadline and cannot be killed",
                resolution="look for a process that hangs in the kernel, as on a dead mount: `ps -eo pid,stat,args`",
            )
        logger.warning("pod %s did not end at its deadline; it is killed", container.pod)
        self._podman.ask("kill", container.name)

    def _read_log(self, container: Container, copy: LogCopy) -> None:
        copy.begin_again()
        with self._podman.stream("logs", container.name) as output:
            for block in blocks(output):
                copy.feed(block)
        copy.end()

    def _tail(self, container: Container) -> list[str]:
        # Not by `--tail`: Podman 4.3 then glues a last line without line break to the one before it.
        lines = Lines()
        tail: deque[str] = deque(maxlen=TAIL_LINES)
        with self._podman.stream("logs", container.name) as output:
            for block in blocks(output):
                tail.extend(lines.feed(block))
        return [*tail, *lines.end()][-TAIL_LINES:]
