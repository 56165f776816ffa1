"""Workspaces of jobs: a claim each, or a folder of the node on a cluster that makes no volumes.

A folder is no object of the cluster, so a ConfigMap of the claim's name stands for it: until it is gone, the folder may
be there.
"""

import logging
from datetime import timedelta
from typing import Any

from builder.contract.inputs import WORKSPACE
from errors import Conflict, Interrupted, Unreachable
from pods.kubernetes.api import ClusterApi, Kind, Resource
from pods.kubernetes.manifest import claim_for_kubernetes, is_ours, pod_for_kubernetes
from pods.kubernetes.options import KubernetesOptions
from pods.kubernetes.pod import PodState
from pods.kubernetes.watch import PodWatch
from pods.manifest import JOB_LABEL, WORKSPACE_VOLUME, Claim, Pod
from pods.polling import poll

logger = logging.getLogger(__name__)

RELEASE = "release"
RELEASE_LIMIT = timedelta(minutes=5)
AT_ONCE = timedelta(0)


class Workspaces:
    """The workspaces of a cluster.

    Args:
        api: The cluster.
        options: Where they lie.
    """

    def __init__(self, api: ClusterApi, options: KubernetesOptions) -> None:
        self.kind = Kind.CONFIG_MAPS if options.host_path else Kind.CLAIMS
        self._api = api
        self._options = options

    def has(self, name: str) -> bool:
        """Return whether there is a workspace of a claim's name."""
        return self._api.get(self.kind, name) is not None

    def create(self, claim: Claim) -> None:
        """Make a workspace, or take the one that is there; one that is being removed is waited for.

        Raises:
            Conflict: Something else has its name.
            Interrupted: It is being removed, and stays.
        """
        if poll(lambda: self._made(claim), self._options.start_limit, self._options.pause) is None:
            raise Interrupted(f"claim {claim.name} is being removed, and stays")

    def empty(self, claims: list[Resource]) -> None:
        """Remove the folders of workspaces, by a pod on their node; a volume is removed with its claim.

        Raises:
            Unreachable: The pod does not run, or fails.
        """
        if self._options.host_path:
            for claim in claims:
                self._remove_folder(claim["metadata"])

    def _made(self, claim: Claim) -> Resource | None:
        """Return the workspace, made when it is not there; None while it is being removed."""
        known = self._api.get(self.kind, claim.name)
        if known is None:
            try:
                return self._api.create(self.kind, claim_for_kubernetes(claim, self._options))
            except Conflict:
                # Another process of the same job was faster: the next look finds it.
                return None
        if not is_ours(known, claim.job_id):
            raise Conflict(
                f"a claim named {claim.name} is there, and it is not job {claim.job_id}'s",
                resolution=f"see what made it; to go on without it: `kubectl delete {self.kind} {claim.name}`",
            )
        return None if "deletionTimestamp" in known["metadata"] else known

    def _remove_folder(self, meta: dict[str, Any]) -> None:
        job_id = meta["labels"][JOB_LABEL]
        pod = Pod(
            job_id=job_id,
            step=RELEASE,
            image=self._options.tools_image,
            command=["rm", "-rf", "--", f"{WORKSPACE}/{meta['name']}"],
            memory_gib=1,
            resources=self._options.tools_resources,
            deadline=RELEASE_LIMIT,
        )
        manifest = pod_for_kubernetes(pod, self._options)
        above = {"path": self._options.host_path, "type": "DirectoryOrCreate"}
        manifest["spec"]["volumes"] = [{"name": WORKSPACE_VOLUME, "hostPath": above}]
        state = self._run(manifest)
        if state.facts([], []).exit_code != 0:
            raise Unreachable(
                f"the folder of claim {meta['name']} could not be removed by pod {pod.name}",
                resolution=f"remove {self._options.host_path}/{meta['name']} on its node, then run this again",
            )
        self._api.delete(Kind.PODS, state.entry, grace=AT_ONCE)

    def _run(self, manifest: Resource) -> PodState:
        name = manifest["metadata"]["name"]
        known = self._api.get(Kind.PODS, name)
        if known:
            # It is of a removal that was cut off, and may have failed.
            self._api.delete(Kind.PODS, known, grace=AT_ONCE)
        watch = PodWatch(self._api, PodState(self._api.create(Kind.PODS, manifest)), self._options)
        return watch.until_over(self._options.schedule_limit)
