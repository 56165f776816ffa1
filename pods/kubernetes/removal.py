"""Removing what a job has on a cluster: pods with a grace and then by force, services, claims; within 30 seconds."""

import logging
from datetime import datetime, timedelta

from errors import Conflict, Unreachable
from pods.kubernetes.api import ClusterApi, Kind, Resource
from pods.kubernetes.options import KubernetesOptions
from pods.kubernetes.workspaces import Workspaces
from pods.manifest import JOB_LABEL, MANAGED_BY, MANAGED_BY_LABEL
from pods.polling import poll

logger = logging.getLogger(__name__)

# With the removal by force after it, a job is gone within 30 seconds, whatever its steps do with SIGTERM.
STOP_GRACE = timedelta(seconds=8)
FORCE_LIMIT = timedelta(seconds=8)
AT_ONCE = timedelta(0)
# A claim is protected until a moment after the end of the last pod that used it.
CLAIM_LIMIT = timedelta(seconds=5)
OURS = f"{MANAGED_BY_LABEL}={MANAGED_BY}"


def remove(api: ClusterApi, job_id: str, options: KubernetesOptions) -> list[str]:
    """Remove a job's pods, services and workspace, and return their names; nothing there is success.

    Raises:
        Unreachable: Pods cannot be removed even by force, or the API server does not answer.
    """
    labels, workspaces = f"{OURS},{JOB_LABEL}={job_id}", Workspaces(api, options)
    removal = _Removal(api, labels, options.pause)
    removal.end_pods(options.removal_limit)
    # The cluster removes them with their pods; one whose pod was removed long before is removed here.
    removal.delete(Kind.SERVICES)
    # Pods hold their claims: these are removed last.
    workspaces.empty(api.list(workspaces.kind, labels=labels).items)
    removal.end_workspace(workspaces.kind)
    return removal.names


def jobs(api: ClusterApi, options: KubernetesOptions) -> dict[str, datetime]:
    """Return the ids of the jobs that have pods or workspaces here, and when the youngest of these was made."""
    kinds = (Kind.PODS, Workspaces(api, options).kind)
    found: dict[str, datetime] = {}
    for meta in (item["metadata"] for kind in kinds for item in api.list(kind, labels=OURS).items):
        if job_id := (meta.get("labels") or {}).get(JOB_LABEL):
            made = datetime.fromisoformat(meta["creationTimestamp"])
            found[job_id] = max(made, found.get(job_id, made))
    return found


class _Removal:
    """One removal, and the names of what it has removed."""

    def __init__(self, api: ClusterApi, labels: str, pause: timedelta) -> None:
        self.names: list[str] = []
        self._api = api
        self._labels = labels
        self._pause = pause
        self._asked: set[tuple[str, timedelta | None]] = set()

    def end_pods(self, limit: timedelta) -> None:
        if self._gone_within(limit, Kind.PODS, STOP_GRACE):
            return
        logger.warning("pods of the job do not end: they are removed by force")
        if not self._gone_within(FORCE_LIMIT, Kind.PODS, AT_ONCE):
            raise Unreachable(
                f"pods cannot be removed: {', '.join(self.names)}",
                resolution="see `kubectl describe pod` for what holds them, for example a finalizer",
            )

    def end_workspace(self, kind: Kind) -> None:
        if not self._gone_within(CLAIM_LIMIT, kind):
            logger.warning("the job's claim is still used by something that is not ours; it is removed once that ends")

    def delete(self, kind: Kind, grace: timedelta | None = None) -> list[Resource]:
        """Delete what there is of a kind, and return it."""
        found = self._api.list(kind, labels=self._labels).items
        for item in found:
            name = item["metadata"]["name"]
            if name not in self.names:
                self.names.append(name)
            asked = (item["metadata"]["uid"], grace)
            if asked in self._asked:
                continue
            try:
                self._api.delete(kind, item, grace=grace)
                self._asked.add(asked)
            except Conflict as error:
                # The next round deletes it.
                logger.debug("%s", error.message)
        return found

    def _gone_within(self, limit: timedelta, kind: Kind, grace: timedelta | None = None) -> bool:
        """Delete all of a kind, also those that are created meanwhile; return whether none is left in time."""
        return poll(lambda: None if self.delete(kind, grace) else True, limit, self._pause) is not None
