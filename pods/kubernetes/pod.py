"""A pod as the API server shows it, at one moment: its step's container, and what the cluster did with it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from pods.facts import Facts
from pods.manifest import CONTAINER, DEADLINE_ANNOTATION
from pods.runtime import Outcome

# The reasons of a container whose end was not seen; its exit code is made up by the container runtime.
UNSEEN = frozenset({"ContainerStatusUnknown", "Unknown"})
OUT_OF_MEMORY = "OOMKilled"
# A node that is lost keeps its pods "running" for ever; this long after it was asked to end one, that one is lost.
LOST_AFTER = timedelta(seconds=60)


class PodState:
    """What a cluster knows about a pod.

    Args:
        entry: The Pod, as JSON.
    """

    def __init__(self, entry: dict[str, Any]) -> None:
        self.entry = entry
        self._meta: dict[str, Any] = entry["metadata"]
        self._status: dict[str, Any] = entry.get("status") or {}
        self._container = _named(self._status.get("containerStatuses"), CONTAINER)
        self._state: dict[str, Any] = self._container.get("state") or {}

    @property
    def name(self) -> str:
        """The pod's name."""
        return str(self._meta["name"])

    @property
    def uid(self) -> str:
        """Its uid: every other pod of its name has another one."""
        return str(self._meta["uid"])

    @property
    def is_being_removed(self) -> bool:
        """Whether its removal was requested."""
        return "deletionTimestamp" in self._meta

    @property
    def is_scheduled(self) -> bool:
        """Whether it has a node."""
        return bool(self.entry["spec"].get("nodeName"))

    @property
    def has_started(self) -> bool:
        """Whether the step runs or has run."""
        return self.started is not None

    @property
    def is_over(self) -> bool:
        """Whether there is no more to wait for. A sidecar that some webhook added may go on after the step."""
        if self._ended:
            return True
        phase = self._status.get("phase")
        return self.is_lost or (phase in {"Succeeded", "Failed"} and "running" not in self._state)

    @property
    def is_lost(self) -> bool:
        """Whether its node is gone: its end cannot be known."""
        if self._status.get("reason") == "NodeLost" or self._status.get("phase") == "Unknown":
            return True
        asked = _moment(self._meta.get("deletionTimestamp"))
        gone = self._disruption.get("reason") in {"DeletionByTaintManager", "DeletionByPodGC"}
        return gone and asked is not None and datetime.now(UTC) - asked > LOST_AFTER

    @property
    def was_disrupted(self) -> bool:
        """Whether the cluster itself has removed it, or is about to."""
        return bool(self._disruption) or self._status.get("reason") == "Evicted"

    @property
    def waiting(self) -> tuple[str, str]:
        """Why it does not start: a reason and a message; both empty when nothing prevents it."""
        for container in [*(self._status.get("initContainerStatuses") or []), self._container]:
            waiting = (container.get("state") or {}).get("waiting") or {}
            if waiting.get("reason") not in {None, "ContainerCreating", "PodInitializing"}:
                return str(waiting["reason"]), str(waiting.get("message", ""))
        scheduled = self._condition("PodScheduled")
        if scheduled.get("status") == "False":
            return str(scheduled.get("reason", "")), str(scheduled.get("message", ""))
        return "", ""

    @property
    def started(self) -> datetime | None:
        """When the step began."""
        running = self._state.get("running") or self._ended
        return _moment(running.get("startedAt"))

    @property
    def deadline(self) -> timedelta | None:
        """The limit on the step's time."""
        seconds = (self._meta.get("annotations") or {}).get(DEADLINE_ANNOTATION)
        return timedelta(seconds=int(seconds)) if seconds else None

    @property
    def host(self) -> str:
        """The address of its node."""
        return str(self._status.get("hostIP", ""))

    def facts(self, log_tail: list[str], events: list[str]) -> Facts:
        """Return what the diagnosis of a pod needs that has ended or does not start."""
        ended = self._ended
        reason, error = self._why()
        spec = _named(self.entry["spec"]["containers"], CONTAINER)
        return Facts(
            name=self.name,
            image=str(spec.get("image", "")),
            exit_code=None if ended.get("reason") in UNSEEN else ended.get("exitCode"),
            out_of_memory=ended.get("reason") == OUT_OF_MEMORY,
            started=self.started,
            finished=_moment(ended.get("finishedAt")),
            deadline=self.deadline,
            memory=_in_words(spec),
            claim=self._claim(),
            node=str(self.entry["spec"].get("nodeName", "")),
            reason=reason,
            error=error,
            events=events,
            log_tail=log_tail,
        )

    def running(self, log_tail: list[str]) -> Outcome:
        """Return the outcome of a step that runs."""
        return Outcome.running(self.name, self.started, log_tail)

    @property
    def _ended(self) -> dict[str, Any]:
        """How the container ended; of one that its node lost track of and shows as waiting, its last end."""
        last = self._container.get("lastState") or {}
        shown = self._state.get("terminated")
        return shown or ({} if "running" in self._state else last.get("terminated")) or {}

    @property
    def _disruption(self) -> dict[str, Any]:
        condition = self._condition("DisruptionTarget")
        return condition if condition.get("status") == "True" else {}

    def _condition(self, kind: str) -> dict[str, Any]:
        found = [entry for entry in self._status.get("conditions") or [] if entry["type"] == kind]
        return found[0] if found else {}

    def _why(self) -> tuple[str, str]:
        """Return Kubernetes' reason for what happened, and its message."""
        if reason := self._status.get("reason"):
            return str(reason), str(self._status.get("message", ""))
        if self._disruption:
            return str(self._disruption.get("reason", "")), str(self._disruption.get("message", ""))
        if self._ended:
            return str(self._ended.get("reason", "")), str(self._ended.get("message", ""))
        if failed := self._failed_init_container():
            return "InitContainerFailed", failed
        if self.waiting[0]:
            return self.waiting
        return "" if self.has_started else str(self._status.get("phase", "Pending")), ""

    def _failed_init_container(self) -> str:
        for container in self._status.get("initContainerStatuses") or []:
            ended = (container.get("state") or {}).get("terminated") or {}
            if ended.get("exitCode"):
                return f"init container {container['name']} failed with exit code {ended['exitCode']}"
        return ""

    def _claim(self) -> str:
        claims = [volume.get("persistentVolumeClaim") for volume in self.entry["spec"].get("volumes") or []]
        return next((str(claim["claimName"]) for claim in claims if claim), "")


def _named(entries: list[dict[str, Any]] | None, name: str) -> dict[str, Any]:
    return next((entry for entry in entries or [] if entry["name"] == name), {})


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def _in_words(container: dict[str, Any]) -> str:
    limit = str(((container.get("resources") or {}).get("limits") or {}).get("memory", ""))
    return f"{limit.removesuffix('Gi')} GiB" if limit.endswith("Gi") else limit
