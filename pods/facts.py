"""The facts about a pod that ended or never started, and the categories of its end."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict


class Category(StrEnum):
    """How a pod ended: a flow decides by it what to do."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    STEP_FAILED = "step_failed"
    TRANSIENT = "transient"
    OUT_OF_MEMORY = "out_of_memory"
    DEADLINE = "deadline"
    KILLED = "killed"
    IMAGE_MISSING = "image_missing"
    DISK_FULL = "disk_full"
    RUNTIME_BROKEN = "runtime_broken"
    UNSCHEDULABLE = "unschedulable"
    CONFIG_ERROR = "config_error"
    EVICTED = "evicted"
    NODE_LOST = "node_lost"
    VOLUME_NOT_BOUND = "volume_not_bound"


class Facts(BaseModel):
    """What a runtime knows about a pod that has ended or never started.

    Without `started` the step never ran; without `exit_code` it ran and its end was not seen.

    Args:
        reason: Kubernetes' own reason for what happened to the pod or keeps it from starting: Evicted, ErrImagePull, …
        error: What the runtime says about it.
        events: What the cluster did with the pod, oldest first, a line each.
        claim: The workspace's claim, where claims have a size.
        memory: The limit, in words.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    image: str = ""
    exit_code: int | None = None
    out_of_memory: bool = False
    started: datetime | None = None
    finished: datetime | None = None
    deadline: timedelta | None = None
    memory: str = ""
    claim: str = ""
    node: str = ""
    reason: str = ""
    error: str = ""
    events: list[str] = []
    log_tail: list[str] = []


class Verdict(NamedTuple):
    """A category, what happened, and what to do."""

    category: Category
    summary: str
    resolution: str = ""
