"""A pod's container as `podman container inspect` shows it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pods.facts import Facts
from pods.manifest import CONTAINER, DEADLINE_ANNOTATION
from pods.runtime import Outcome

# Podman's supervisor of one container: only this process learns the exit code.
SUPERVISOR = "conmon"

RUNNING = {"running", "paused", "stopping"}
ENDED = {"exited", "stopped", "removing"}


class Container:
    """What Podman knows about a step's container, at one moment.

    Args:
        inspected: One entry of `podman container inspect`.
    """

    def __init__(self, inspected: dict[str, Any]) -> None:
        """Keep the entry, and look whether its supervisor lives."""
        self._entry = inspected
        self._state: dict[str, Any] = inspected["State"]
        self.is_lost = self._state["Status"] in RUNNING and not self.is_supervised()

    @property
    def name(self) -> str:
        """The container's name."""
        return str(self._entry["Name"])

    @property
    def pod(self) -> str:
        """The name of its pod."""
        return self.name.removesuffix(f"-{CONTAINER}")

    @property
    def is_running(self) -> bool:
        """Whether the step runs, and its end will be seen."""
        return self._state["Status"] in RUNNING and not self.is_lost

    def is_supervised(self) -> bool:
        """Return whether the supervisor lives. Without it Podman shows "running" for ever."""
        try:
            stat = Path(f"/proc/{self._state['ConmonPid']}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return False
        # proc(5): the name in brackets, then one letter; a zombie keeps its name.
        return f" ({SUPERVISOR}) " in stat and not stat.rpartition(") ")[2].startswith(("Z", "X"))

    @property
    def has_started(self) -> bool:
        """Whether the step runs or has run; one that only was created has not."""
        return self._state["Status"] in RUNNING | ENDED

    @property
    def memory_bytes(self) -> int:
        """The memory limit that is in force; 0 is none."""
        return int(self._entry["HostConfig"]["Memory"])

    @property
    def has_cpu_limit(self) -> bool:
        """Whether a limit on processors is in force."""
        return int(self._entry["HostConfig"]["CpuQuota"]) > 0

    @property
    def deadline(self) -> timedelta | None:
        """The limit on the step's time."""
        seconds = (self._entry["Config"].get("Annotations") or {}).get(DEADLINE_ANNOTATION)
        return timedelta(seconds=int(seconds)) if seconds else None

    @property
    def started(self) -> datetime | None:
        """When the step began."""
        return _moment(self._state["StartedAt"])

    @property
    def finished(self) -> datetime | None:
        """When the step ended."""
        return _moment(self._state["FinishedAt"])

    def facts(self, log_tail: list[str]) -> Facts:
        """Return what the diagnosis of an ended step needs."""
        code = self._state["ExitCode"]
        # A pod that a restart of the host ended is "exited" with code 0 and without an end; one that lost its
        # supervisor has code -1. That the end is not before the start says nothing: on a busy host Podman notes the
        # start of a short step after its end.
        end_was_seen = code >= 0 and self.finished
        return Facts(
            name=self.pod,
            image=self._entry["ImageName"],
            exit_code=code if end_was_seen else None,
            out_of_memory=self._state["OOMKilled"],
            started=self.started,
            finished=self.finished,
            deadline=self.deadline,
            memory=f"{self.memory_bytes / (1 << 30):g} GiB" if self.memory_bytes else "",
            error=self._state["Error"],
            log_tail=log_tail,
        )

    def running(self, log_tail: list[str]) -> Outcome:
        """Return the outcome of a step that runs."""
        return Outcome.running(self.pod, self.started, log_tail)


def _moment(text: str) -> datetime | None:
    # Go's zero time stands for "never".
    return None if text.startswith("0001-") else datetime.fromisoformat(text).astimezone(UTC)
