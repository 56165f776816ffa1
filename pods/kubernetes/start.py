"""The start of a pod: it is created or adopted, and waited for until its step starts or cannot start.

A pod is named after its job, step and attempt. What has that name already is adopted when it is this very step, by
labels and fingerprint, and refused when it is something else.
"""

import contextlib
import logging
import time
from datetime import timedelta

from errors import Conflict, Interrupted
from pods.kubernetes.api import ClusterApi, Kind, Resource
from pods.kubernetes.diagnosis import CONFIG_REASONS, IMAGE_REASONS
from pods.kubernetes.manifest import FINGERPRINT_ANNOTATION, fingerprint, is_ours, pod_for_kubernetes
from pods.kubernetes.options import KubernetesOptions
from pods.kubernetes.pod import PodState
from pods.kubernetes.watch import PodWatch
from pods.manifest import Pod

logger = logging.getLogger(__name__)

# Waiting does not help: the name of the image is invalid, or the image must not be pulled.
HOPELESS = frozenset({"InvalidImageName", "ErrImageNeverPull"})
WITH_GRACE = (IMAGE_REASONS | CONFIG_REASONS) - HOPELESS
CREATIONS = 3
NO_GRACE = timedelta(0)


def create_or_adopt(api: ClusterApi, pod: Pod, options: KubernetesOptions) -> PodState:
    """Return the pod of this name: a new one, or one that runs or ran.

    Raises:
        Conflict: Something else has the name.
        Interrupted: The pod of that name is being removed, and stays.
    """
    manifest = pod_for_kubernetes(pod, options)
    for _ in range(CREATIONS):
        known = api.get(Kind.PODS, pod.name)
        if known is None:
            try:
                return PodState(api.create(Kind.PODS, manifest))
            except Conflict:
                # Another process was faster, or an answer was lost: the pod may be our own.
                continue
        state = _adoptable(known, pod)
        if state.is_being_removed and not state.is_over:
            _wait_until_gone(api, state, options)
        elif state.is_over and not state.has_started:
            logger.warning("pod %s never started; it is created again", pod.name)
            discard(api, state)
        else:
            logger.info("pod %s is there already: it is adopted", pod.name)
            return state
    raise Interrupted(f"pod {pod.name} is created and removed by another process, which works on job {pod.job_id}")


def wait_until_started(watch: PodWatch, options: KubernetesOptions) -> PodState:
    """Wait until a pod's step runs or has run, and return the pod; without `has_started` it cannot start.

    Raises:
        Interrupted: The pod was removed.
    """
    limits = StartLimits(options)
    for state in watch.states():
        if state.has_started or state.is_over or limits.are_over(state):
            break
    return watch.state


def discard(api: ClusterApi, state: PodState) -> None:
    """Remove a pod whose step never ran, at once."""
    api.delete(Kind.PODS, state.entry, grace=NO_GRACE)


class StartLimits:
    """How long a pod may take to start: limits for its node, for its start there, and for an image that fails.

    Args:
        options: The limits.
    """

    def __init__(self, options: KubernetesOptions) -> None:
        self._options = options
        self._began = time.monotonic()
        self._scheduled: float | None = None
        self._failing: float | None = None
        self._logged = ("", "")

    def are_over(self, state: PodState) -> bool:
        """Return whether a pod that has not started is waited for no longer."""
        now = time.monotonic()
        if state.is_scheduled and self._scheduled is None:
            self._scheduled = now
        reason, message = state.waiting
        self._log_reason(state, reason, message)
        if reason in HOPELESS:
            return True
        # ErrImagePull and ImagePullBackOff take turns: the grace counts from the first of them.
        self._failing = (self._failing or now) if reason in WITH_GRACE else None
        if self._failing and now - self._failing >= self._options.pull_grace.total_seconds():
            return True
        if self._scheduled is None:
            return now - self._began >= self._options.schedule_limit.total_seconds()
        return now - self._scheduled >= self._options.start_limit.total_seconds()

    def _log_reason(self, state: PodState, reason: str, message: str) -> None:
        if reason and (reason, message) != self._logged:
            self._logged = (reason, message)
            logger.info("pod %s waits: %s", state.name, ": ".join(part for part in self._logged if part))


def _adoptable(known: Resource, pod: Pod) -> PodState:
    annotations = known["metadata"].get("annotations") or {}
    if not is_ours(known, pod.job_id) or annotations.get(FINGERPRINT_ANNOTATION) != fingerprint(pod):
        raise Conflict(
            f"a pod named {pod.name} is there, and it is not this step of job {pod.job_id}",
            resolution=f"see what made it; to go on without it: `kubectl delete pod {pod.name}`",
        )
    return PodState(known)


def _wait_until_gone(api: ClusterApi, state: PodState, options: KubernetesOptions) -> None:
    logger.info("pod %s is being removed; waiting for its end", state.name)
    give_up = time.monotonic() + options.start_limit.total_seconds()
    with contextlib.suppress(Interrupted):
        for _ in PodWatch(api, state, options).states():
            if time.monotonic() > give_up:
                break
