"""The options of a cluster: the choices of its administrator, and the limits on waiting for it."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

from pods.resources import Resources

ServiceType = Literal["ClusterIP", "NodePort", "LoadBalancer"]


class KubernetesOptions(BaseModel):
    """The settings `IMS_KUBERNETES_…` (docs/kubernetes.md), and what of them only tests change.

    Args:
        namespace: Where pods run; empty: the worker's own, or that of the kubeconfig's context.
        context: The kubeconfig's context; empty: its current one.
        storage_class: Of the workspaces; empty: the cluster's default.
        host_path: A folder of the one node that pods run on, for workspaces without volumes; empty: volumes.
        tools_image: An image with `rm`, to empty that folder by.
        tools_resources: What the pod that does so asks of its node.
        service_annotations: Of the services of shells; `{job_id}` in a value stands for the job's id.
        schedule_limit: Limit on finding a node for a pod.
        start_limit: Limit on starting it there, its volumes and its image included.
        pull_grace: How long to wait for an image that cannot be pulled.
        patience: How long to wait for an API server that does not answer.
        call_limit: Limit on one call.
        window: How long one watch lasts; at its end the pod is read again.
        silence: After how long without a line of log the pod is looked at.
        pause: The first pause before a call is tried again; also between looks where watching fails.
        removal_limit: Limit on the end of a job's pods, before they are removed by force.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    namespace: str = ""
    context: str = ""
    runtime_class: str = ""
    node_selector: dict[str, str] = {}
    tolerations: list[dict[str, Any]] = []
    affinity: dict[str, Any] = {}
    image_pull_secrets: list[str] = []
    storage_class: str = ""
    host_path: Annotated[str, StringConstraints(pattern=r"^(/.+)?$")] = ""
    tools_image: str = ""
    tools_resources: Resources = Resources()
    service_type: ServiceType = "ClusterIP"
    service_annotations: dict[str, str] = {}

    schedule_limit: timedelta = timedelta(minutes=10)
    start_limit: timedelta = timedelta(minutes=15)
    pull_grace: timedelta = timedelta(minutes=3)
    service_limit: timedelta = timedelta(minutes=2)
    patience: timedelta = timedelta(minutes=5)

    call_limit: timedelta = timedelta(seconds=30)
    window: timedelta = timedelta(seconds=15)
    silence: timedelta = timedelta(seconds=30)
    pause: timedelta = timedelta(seconds=1)
    removal_limit: timedelta = timedelta(seconds=15)
