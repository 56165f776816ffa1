"""The settings of the pods: what runs them, what they ask of a node, and the cluster that they run on."""

import json
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from config.durations import Duration
from config.groups import Group
from config.quantities import ProcessorLimit, Processors, Storage, StorageLimit, millicores, storage_bytes


class Pods(Group):
    """What runs the pods."""

    variable: ClassVar[str] = "IMS_POD_{}"

    runtime: Literal["podman", "kubernetes"] = Field("podman", description="What runs the pods.")
    host_network: bool | None = Field(
        None, description="Run pods in the host's network. Unset: only when S3 is on a loopback address."
    )


class Builder(Group):
    """The images that the pods run."""

    variable: ClassVar[str] = "IMS_BUILDER_{}"

    image: str = Field("", description="Builder image. Empty: the one built here for this release.")
    image_kiwi11: str = Field(
        "", description="Builder image with kiwi 11. Empty: one is built here when a description first needs it."
    )


class PodResources(Group):
    """What pods ask of their node, and what they may use of it."""

    variable: ClassVar[str] = "IMS_{}"

    build_cpu_request: Processors = Field(
        "1", description="Processors that a step which computes asks its node for: 2, 1.5 or 500m."
    )
    # A shell may be open for days, and mostly waits for its user.
    shell_cpu_request: Processors = Field("500m", description="Processors that a shell asks its node for.")
    light_cpu_request: Processors = Field(
        "250m", description="Processors that uploading, making the CA RPM and removing a workspace ask for."
    )
    pod_cpu_limit: ProcessorLimit = Field(
        "", description="Processors that no pod may use more of. Empty: whatever is idle may be used."
    )
    pod_storage_request: Storage = Field(
        "1Gi", description="Disk of its node that a pod asks for, besides its workspace: 500Mi, 10Gi or 2G."
    )
    pod_storage_limit: StorageLimit = Field(
        "10Gi", description="Disk of its node that no pod may use more of, besides its workspace. Empty: no limit."
    )

    @field_validator("pod_cpu_limit")
    @classmethod
    def _cpu_limit_holds_every_request(cls, limit: str, others: ValidationInfo) -> str:
        # Kubernetes refuses such pods, each with a message of its own.
        for name in ("build_cpu_request", "shell_cpu_request", "light_cpu_request"):
            if limit and name in others.data and millicores(limit) < millicores(others.data[name]):
                raise ValueError(f"{limit} is less than the {others.data[name]} of IMS_{name.upper()}")
        return limit

    @field_validator("pod_storage_limit")
    @classmethod
    def _storage_limit_holds_the_request(cls, limit: str, others: ValidationInfo) -> str:
        request = others.data.get("pod_storage_request")
        if limit and request and storage_bytes(limit) < storage_bytes(request):
            raise ValueError(f"{limit} is less than the {request} of IMS_POD_STORAGE_REQUEST")
        return limit


def _from_json(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError as error:
        raise ValueError(f"{value!r} is no JSON: {error}") from error


Labels = Annotated[dict[str, str], BeforeValidator(_from_json)]


class Kubernetes(Group):
    """The cluster that pods run on, and how long it is waited for (docs/kubernetes.md)."""

    variable: ClassVar[str] = "IMS_KUBERNETES_{}"

    namespace: str = Field(
        "", description="Namespace of the pods. Empty: the worker's own, or that of the kubeconfig's context."
    )
    context: str = Field("", description="Context of the kubeconfig. Empty: its current one.")
    runtime_class: str = Field("", description="runtimeClassName of the pods.")
    node_selector: Labels = Field({}, description="Labels of the nodes to run on, as JSON.")
    tolerations: Annotated[list[dict[str, Any]], BeforeValidator(_from_json)] = Field(
        [], description="Tolerations of the pods, as JSON."
    )
    affinity: Annotated[dict[str, Any], BeforeValidator(_from_json)] = Field(
        {}, description="Affinity of the pods, as JSON."
    )
    image_pull_secrets: Annotated[list[str], BeforeValidator(_from_json)] = Field(
        [], description="Names of the secrets that the images are pulled with, as JSON."
    )
    storage_class: str = Field("", description="Storage class of the workspaces. Empty: the default one.")
    host_path: str = Field(
        "",
        pattern=r"^(/.+)?$",
        description="Folder of the one node that pods run on, for workspaces without volumes. Empty: volumes.",
    )
    service_type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = Field(
        "ClusterIP", description="How shells are reached."
    )
    service_annotations: Labels = Field(
        {}, description="Annotations of the shells' services, as JSON; {job_id} stands for the job's id."
    )
    schedule_limit: Duration = Field(timedelta(minutes=10), description="Limit on finding a node.")
    start_limit: Duration = Field(
        timedelta(minutes=15), description="Limit on starting on a node: volumes, image, container."
    )
    pull_grace: Duration = Field(
        timedelta(minutes=3), description="How long an image that cannot be pulled is waited for."
    )
    patience: Duration = Field(
        timedelta(minutes=5), description="How long an API server that does not answer is waited for."
    )
