"""The interface of a pod runtime, and the outcome of a pod."""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict

from pods.diagnosis import Rule, diagnose
from pods.facts import Category, Facts
from pods.manifest import Claim, Pod

# Ends that the step did not cause, and that another start may not meet.
PASSING = frozenset({Category.TRANSIENT, Category.KILLED, Category.EVICTED, Category.NODE_LOST})


class Phase(StrEnum):
    """How far a pod is."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Outcome(BaseModel):
    """How a pod ended, or that it still runs: the flow decides by it, the user reads it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    phase: Phase
    exit_code: int | None
    category: Category
    summary: str
    resolution: str = ""
    log_tail: list[str] = []
    events: list[str] = []
    started: datetime | None = None
    finished: datetime | None = None

    @property
    def transient(self) -> bool:
        """Whether the same step may succeed when it is run again."""
        return self.category in PASSING

    @classmethod
    def running(cls, name: str, started: datetime | None, log_tail: list[str]) -> "Outcome":
        """Return the outcome of a pod whose step is running."""
        return cls(
            phase=Phase.RUNNING,
            exit_code=None,
            category=Category.RUNNING,
            summary=f"pod {name} is running",
            log_tail=log_tail,
            started=started,
        )

    @classmethod
    def of(cls, facts: Facts, *platform_rules: Rule) -> "Outcome":
        """Return the outcome of a pod that has ended or could not start, diagnosed with the rules of its platform."""
        verdict = diagnose(facts, *platform_rules)
        return cls(
            phase=Phase.SUCCEEDED if verdict.category is Category.SUCCEEDED else Phase.FAILED,
            exit_code=facts.exit_code,
            category=verdict.category,
            summary=verdict.summary,
            resolution=verdict.resolution,
            log_tail=facts.log_tail,
            events=facts.events,
            started=facts.started,
            finished=facts.finished,
        )


class Endpoint(NamedTuple):
    """Where a port of a pod is reached from outside, and by pods of the same cluster.

    Args:
        host: The host.
        port: Its port.
        cluster_host: The host for pods of the cluster; empty: the same.
        cluster_port: Its port.
    """

    host: str
    port: int
    cluster_host: str = ""
    cluster_port: int = 0


class PodRuntime(Protocol):
    """Runs pods to their end. Every call is safe to repeat.

    Each may raise Broken (the container runtime is missing or does not work), Denied (it refuses us) and Unreachable
    (it did not answer in time).
    """

    @property
    def listen_address(self) -> str:
        """The address that a program in a pod serves on, to be published."""

    def create_claim(self, claim: Claim) -> None:
        """Make a job's workspace; one that is there already is taken."""

    def run(self, pod: Pod, *, log: Path, on_line: Callable[[str], None] | None = None) -> Outcome:
        """Run a pod to its end: create it, go on waiting for the one of its name, or read how that one ended.

        Whatever is raised inside (Ctrl-C too) leaves the pod as it is; `remove` takes it away.

        Args:
            pod: What to run; its deadline counts from the container's start.
            log: File for the pod's output, whole when this returns.
            on_line: Called with each line of output as it comes, from the log's beginning when a pod is adopted.

        Raises:
            NotFound: the pod's claim does not exist.
            Conflict: something else has the pod's name.
            Interrupted: the pod was removed while it ran.
        """

    def outcome(self, name: str) -> Outcome | None:
        """Return how the pod of that name stands, or None when there is none (or it never started)."""

    def attempts(self, job_id: str, step: str) -> dict[int, Outcome | None]:
        """Return how the pods of a job's step stand that are there, by attempt; None: it has not started yet."""

    def publish(self, job_id: str, step: str, port: int) -> Endpoint:
        """Make a port of a running step reachable from outside, for as long as its pod is there, and return where.

        Args:
            job_id: The job.
            step: The step; its pod `serves`.
            port: Where its program listens.

        Raises:
            NotFound: the step does not run.
        """

    def remove(self, job_id: str) -> list[str]:
        """Stop and remove every pod and claim of a job, within 30 seconds, and return their names."""

    def jobs(self) -> dict[str, datetime]:
        """Return the ids of the jobs that have pods or claims here, and when the youngest of these was made."""
