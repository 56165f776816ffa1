"""Pod and claim manifests, made from structured data: in the form of Kubernetes, for every runtime.

User text is data: it is put into fields, never pasted into YAML, and reaches the container byte for byte.
"""

from datetime import timedelta
from ipaddress import ip_address
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from builder.contract.inputs import WORKSPACE, PodInput
from pods.resources import Resources
from pods.step_command import within_limits

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
MANAGED_BY = "ims"
JOB_LABEL = "ims/job-id"
STEP_LABEL = "ims/step"
ATTEMPT_LABEL = "ims/attempt"
# On a pod that is to be reached from outside; the NetworkPolicies of deploy/ select by it.
SERVES_LABEL = "ims/serves"
DEADLINE_ANNOTATION = "ims/deadline-seconds"
ARCH_LABEL = "kubernetes.io/arch"
# Go's names, which nodes carry.
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

CONTAINER = "step"
WORKSPACE_VOLUME = "workspace"

# How long a step may clean up when it is stopped from outside.
GRACE = timedelta(seconds=10)
# The user of a step that needs no rights of root: `nobody`, on every distribution.
NOBODY = 65534


def _no_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not contain a NUL character")
    return text


def _address(text: str) -> str:
    return str(ip_address(text))


Text = Annotated[str, AfterValidator(_no_nul)]
EnvName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
HostName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([-.A-Za-z0-9]*[A-Za-z0-9])?$", max_length=253)]
Address = Annotated[str, AfterValidator(_address)]
# With "ims-", the separators and the attempt, a pod's name stays within a DNS label's 63 characters.
JobId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=36)]
StepName = Annotated[str, StringConstraints(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", max_length=16)]
ClaimName = Annotated[str, StringConstraints(pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$", max_length=63)]


class Claim(BaseModel):
    """The workspace that all pods of one job share."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    job_id: JobId
    size_gib: int = Field(ge=1)

    @property
    def name(self) -> str:
        """The claim's name, the same for every step of the job."""
        return f"ims-{self.job_id}-workspace"


class Pod(BaseModel):
    """One step of a job: a command in an image, with limits on what it uses and on its time.

    Args:
        claim: The workspace; empty for one of the pod's own, which goes with it.
        privileged: Whether the step mounts.
        root: Whether it reads files of every owner; if not, its user is `nobody`.
        arch: The kind of node to run on; empty for any.
        serves: Whether it has a port that is to be reached from outside (`PodRuntime.publish`).
        memory_gib: Request and limit.
        resources: Requests and limits of what else it uses.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    job_id: JobId
    step: StepName
    attempt: int = Field(1, ge=1, le=9999)
    image: Annotated[str, StringConstraints(min_length=1)]
    command: list[Text] = Field(min_length=1)
    env: dict[EnvName, Text] = {}
    claim: ClaimName = ""
    privileged: bool = False
    root: bool = True
    arch: Literal["", "x86_64", "aarch64"] = ""
    serves: bool = False
    memory_gib: int = Field(ge=1)
    resources: Resources = Resources()
    deadline: timedelta = Field(ge=timedelta(seconds=1))
    host_network: bool = False
    host_aliases: dict[HostName, Address] = {}

    @property
    def name(self) -> str:
        """The pod's name. It follows from the job alone, so that the next run of a flow finds its pod."""
        return f"ims-{self.job_id}-{self.step}-{self.attempt}"

    @property
    def deadline_seconds(self) -> int:
        """The limit on the step's time, in whole seconds."""
        return int(self.deadline.total_seconds())


def claim_manifest(claim: Claim) -> dict[str, Any]:
    """Return the PersistentVolumeClaim of a job's workspace."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": claim.name, "labels": {MANAGED_BY_LABEL: MANAGED_BY, JOB_LABEL: claim.job_id}},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": f"{claim.size_gib}Gi"}},
        },
    }


def pod_manifest(pod: Pod) -> dict[str, Any]:
    """Return the Pod of one step, with a single container named `step`."""
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": pod.deadline_seconds,
        "terminationGracePeriodSeconds": int(GRACE.total_seconds()),
        "automountServiceAccountToken": False,
        # Otherwise every service of the namespace appears in the step's environment.
        "enableServiceLinks": False,
        "containers": [_container(pod)],
        "volumes": [_workspace(pod)],
    }
    if pod.arch:
        spec["nodeSelector"] = {ARCH_LABEL: ARCHITECTURES[pod.arch]}
    if pod.host_network:
        spec["hostNetwork"] = True
    if pod.host_aliases:
        spec["hostAliases"] = _host_aliases(pod.host_aliases)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": pod.name,
            "labels": {
                MANAGED_BY_LABEL: MANAGED_BY,
                JOB_LABEL: pod.job_id,
                STEP_LABEL: pod.step,
                ATTEMPT_LABEL: str(pod.attempt),
                **({SERVES_LABEL: "yes"} if pod.serves else {}),
            },
            "annotations": {DEADLINE_ANNOTATION: str(pod.deadline_seconds)},
        },
        "spec": spec,
    }


def literal(text: str) -> str:
    """Return text for a manifest: Kubernetes expands `$(NAME)` in commands and values, and reads `$$` as `$`."""
    return text.replace("$", "$$")


def unescaped(text: str) -> str:
    """Undo `literal`, for a runtime that expands nothing."""
    return text.replace("$$", "$")


def _container(pod: Pod) -> dict[str, Any]:
    memory = {"memory": f"{pod.memory_gib}Gi"}
    command = within_limits(pod.command, seconds=pod.deadline_seconds, grace=int(GRACE.total_seconds()))
    return {
        "name": CONTAINER,
        "image": pod.image,
        "imagePullPolicy": "IfNotPresent",
        "command": [literal(word) for word in command],
        "env": [*({"name": name, "value": literal(value)} for name, value in pod.env.items()), *_identity(pod)],
        "resources": {
            "limits": memory | pod.resources.limits,
            "requests": memory | pod.resources.requests,
        },
        "securityContext": _security_context(pod),
        "volumeMounts": [{"name": WORKSPACE_VOLUME, "mountPath": WORKSPACE}],
    }


def _identity(pod: Pod) -> list[dict[str, Any]]:
    """Return the variables by which a pod knows itself."""
    paths = PodInput(name="metadata.name", uid="metadata.uid").to_environment()
    known = PodInput(own_network=not pod.host_network).to_environment()
    return [
        *({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in paths.items()),
        *({"name": name, "value": value} for name, value in known.items() if name not in paths),
    ]


def _workspace(pod: Pod) -> dict[str, Any]:
    if pod.claim:
        return {"name": WORKSPACE_VOLUME, "persistentVolumeClaim": {"claimName": pod.claim}}
    return {"name": WORKSPACE_VOLUME, "emptyDir": {}}


def _security_context(pod: Pod) -> dict[str, Any]:
    if pod.privileged:
        # Kubernetes refuses a privileged container that may not escalate, and runs it without seccomp anyway.
        return {"privileged": True}
    context: dict[str, Any] = {
        "privileged": False,
        "allowPrivilegeEscalation": False,
        "seccompProfile": {"type": "RuntimeDefault"},
        "capabilities": {"drop": ["ALL"]},
    }
    if pod.root:
        # An image root holds files that not even root reads without it: mode 0000, or of other owners.
        context["capabilities"]["add"] = ["DAC_OVERRIDE"]
        return context
    return context | {"runAsNonRoot": True, "runAsUser": NOBODY, "runAsGroup": NOBODY}


def _host_aliases(aliases: dict[str, str]) -> list[dict[str, Any]]:
    by_address: dict[str, list[str]] = {}
    for name, address in aliases.items():
        by_address.setdefault(address, []).append(name)
    return [{"ip": address, "hostnames": names} for address, names in by_address.items()]
