"""The Kubernetes runtime: pods of a cluster, by its API server.

A pod that ended stays until `remove`: a flow that comes back finds it and reads its result. Each pod is followed by the
thread that runs it, over one connection at a time: to its log while it runs, to a watch before and after.
"""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

from errors import ImsError, Interrupted, NotFound
from pods.kubernetes import removal as kubernetes_removal
from pods.kubernetes import service as kubernetes_service
from pods.kubernetes.api import ClusterApi, Kind
from pods.kubernetes.config import connect
from pods.kubernetes.diagnosis import DEADLINE_EXCEEDED, diagnose_cluster
from pods.kubernetes.events import events_of
from pods.kubernetes.log import PodLog
from pods.kubernetes.options import KubernetesOptions
from pods.kubernetes.pod import PodState
from pods.kubernetes.stamps import StampedLines
from pods.kubernetes.start import create_or_adopt, discard, wait_until_started
from pods.kubernetes.watch import PodWatch
from pods.kubernetes.workspaces import Workspaces
from pods.log_copy import TAIL_LINES, Lines, LogCopy
from pods.manifest import ATTEMPT_LABEL, GRACE, JOB_LABEL, MANAGED_BY, MANAGED_BY_LABEL, STEP_LABEL, Claim, Pod
from pods.runtime import Endpoint, Outcome

logger = logging.getLogger(__name__)

# When a log ends its container has ended; the API server shows that a moment later.
END_LIMIT = timedelta(seconds=5)
# The step ends at its deadline by itself, or a little later by the kubelet; it is ended from here when both fail.
DEADLINE_SLACK = GRACE + timedelta(minutes=1)


class Kubernetes:
    """Runs pods on a cluster.

    Args:
        options: The administrator's choices.
    """

    listen_address = "0.0.0.0"  # noqa: S104 - a service leads to the pod's own address

    def __init__(self, options: KubernetesOptions) -> None:
        self._options = options

    @cached_property
    def _api(self) -> ClusterApi:
        client, namespace = connect(self._options)
        return ClusterApi(client, namespace, self._options)

    @cached_property
    def _workspaces(self) -> Workspaces:
        return Workspaces(self._api, self._options)

    def create_claim(self, claim: Claim) -> None:
        """Make a job's workspace; one that is there already is taken.

        Raises:
            Conflict: Something else has its name.
        """
        self._workspaces.create(claim)

    def run(self, pod: Pod, *, log: Path, on_line: Callable[[str], None] | None = None) -> Outcome:
        """Run a pod to its end, or adopt the one of its name (see PodRuntime)."""
        with LogCopy(log, on_line) as copy:
            if pod.claim and not self._workspaces.has(pod.claim):
                raise NotFound(f"claim {pod.claim} of pod {pod.name} does not exist", resolution="run the job again")
            watch = PodWatch(self._api, create_or_adopt(self._api, pod, self._options), self._options)
            try:
                if not wait_until_started(watch, self._options).has_started:
                    return self._refused(watch.state, pod.claim)
                self._follow(watch, copy)
            except Interrupted:
                if not watch.state.was_disrupted:
                    raise
                # The cluster removed it, and reports that. When a user removed it, Interrupted is raised.
                copy.end()
            return self._outcome(watch.state, pod.claim, list(copy.tail))

    def outcome(self, name: str) -> Outcome | None:
        """Return how the pod of that name stands, or None when there is none or its step never started."""
        entry = self._api.get(Kind.PODS, name)
        return self._standing(PodState(entry)) if entry else None

    def attempts(self, job_id: str, step: str) -> dict[int, Outcome | None]:
        """Return how the pods of a job's step stand that are there, by attempt; None: it has not started yet."""
        labels = f"{MANAGED_BY_LABEL}={MANAGED_BY},{JOB_LABEL}={job_id},{STEP_LABEL}={step}"
        pods = self._api.list(Kind.PODS, labels=labels).items
        return {int(pod["metadata"]["labels"][ATTEMPT_LABEL]): self._standing(PodState(pod)) for pod in pods}

    def publish(self, job_id: str, step: str, port: int) -> Endpoint:
        """Make a step's port reachable by a service that goes with its pod, and return where."""
        return kubernetes_service.publish(self._api, job_id, step, port, self._options)

    def remove(self, job_id: str) -> list[str]:
        """Stop and remove every pod, service and claim of a job, and return their names; nothing there is success."""
        return kubernetes_removal.remove(self._api, job_id, self._options)

    def jobs(self) -> dict[str, datetime]:
        """Return the ids of the jobs that have pods or claims here, and when the youngest of these was made."""
        return kubernetes_removal.jobs(self._api, self._options)

    def _standing(self, state: PodState) -> Outcome | None:
        if not state.has_started:
            return None
        tail = self._tail(state.name)
        return self._outcome(state, "", tail) if state.is_over else state.running(tail)

    def _follow(self, watch: PodWatch, copy: LogCopy) -> None:
        """Copy a pod's output until the pod has ended, and all of the output."""
        log = PodLog(self._api, watch.state.name, copy, self._options)
        # By this host's clock; a pod that is adopted gets a little longer.
        give_up = time.monotonic() + _limit(watch.state).total_seconds()
        while not watch.look().is_over:
            ended = log.follow()
            if watch.until_over(END_LIMIT if ended else self._options.pause).is_over:
                break
            if time.monotonic() > give_up:
                self._kill(watch.state)
                break
        log.finish()

    def _kill(self, state: PodState) -> None:
        logger.warning("pod %s is past its deadline and does not end: it is removed by force", state.name)
        state.entry["status"] |= {"reason": DEADLINE_EXCEEDED, "message": "its node does not end it"}
        discard(self._api, state)

    def _refused(self, state: PodState, claim: str) -> Outcome:
        """Return why a pod did not start, and remove it: the next run creates another one."""
        outcome = self._outcome(state, claim, [])
        discard(self._api, state)
        return outcome

    def _outcome(self, state: PodState, claim: str, tail: list[str]) -> Outcome:
        succeeded = state.facts(tail, [])
        if succeeded.exit_code == 0:
            return Outcome.of(succeeded)
        return Outcome.of(state.facts(tail, events_of(self._api, state, claim)), diagnose_cluster)

    def _tail(self, name: str) -> list[str]:
        stamped, lines = StampedLines(), Lines()
        tail: list[str] = []
        try:
            for block in self._api.log(name, tail=TAIL_LINES):
                tail += lines.feed(stamped.feed(block))
        except ImsError as error:
            logger.warning("the log of pod %s cannot be read: %s", name, error.message)
        return [*tail, *lines.feed(stamped.end()), *lines.end()][-TAIL_LINES:]


def _limit(state: PodState) -> timedelta:
    return state.deadline + DEADLINE_SLACK if state.deadline else timedelta.max
