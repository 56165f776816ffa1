"""What a cluster did to a pod: Kubernetes' reasons as categories, with the setting or the command that helps."""

from pods.facts import Category, Facts, Verdict

IMAGE_REASONS = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}
)
CONFIG_REASONS = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "StartError"})
# The events' reasons, and what the scheduler says.
VOLUME_REASONS = ("FailedMount", "FailedAttachVolume", "FailedBinding", "ProvisioningFailed")
VOLUME_WORDS = ("persistentvolumeclaim", "volume node affinity", "persistent volumes to bind")
EVICTIONS = frozenset(
    {"Evicted", "Preempting", "EvictionByEvictionAPI", "TerminationByKubelet", "PreemptionByScheduler"}
)
# A kubelet that has no room after all fails a pod that it was given, before it starts.
ADMISSION_REASONS = ("OutOf", "UnexpectedAdmissionError", "NodeAffinity", "Terminated", "NodeShutdown")
NODE_LOSSES = frozenset({"NodeLost", "DeletionByTaintManager", "DeletionByPodGC"})
# A pod that is evicted for what it has itself written (pkg/kubelet/eviction); the next one would write as much.
OWN_STORAGE = ("exceeds the total limit of containers", "exceeded its local ephemeral storage limit")
DEADLINE_EXCEEDED = "DeadlineExceeded"
UNSCHEDULABLE = "Unschedulable"

# What the scheduler does not find (kubernetes/pkg/scheduler/framework/plugins), and where it comes from.
MISSING = {
    "insufficient memory": "lower the job's memory limit (job_mem_size), or give the cluster a node with more of it",
    "insufficient cpu": (
        "lower what is asked for (IMS_BUILD_CPU_REQUEST, IMS_SHELL_CPU_REQUEST, IMS_LIGHT_CPU_REQUEST), "
        "give the cluster more processors, or end other work"
    ),
    "insufficient ephemeral-storage": "free disk space on the nodes, or lower IMS_POD_STORAGE_REQUEST",
    "didn't match pod's node affinity/selector": (
        "no node has the job's architecture and the labels of IMS_KUBERNETES_NODE_SELECTOR and "
        "IMS_KUBERNETES_AFFINITY: see `kubectl get nodes --show-labels`"
    ),
    "untolerated taint": "name the nodes' taint in IMS_KUBERNETES_TOLERATIONS, or remove it",
    "unschedulable": "a node is cordoned: `kubectl uncordon NODE`",
    "no nodes available": "the cluster has no node that is ready: see `kubectl get nodes`",
}


def diagnose_cluster(facts: Facts) -> Verdict | None:
    """Return why a cluster did not start a pod, or ended it; None when it did neither."""
    return _not_started(facts) if facts.started is None else _ended(facts)


def _not_started(facts: Facts) -> Verdict | None:
    name, why = f"pod {facts.name}", facts.error or facts.reason
    if facts.reason in IMAGE_REASONS:
        return Verdict(
            Category.IMAGE_MISSING,
            f"{name} could not start: cannot pull image {facts.image} ({facts.reason}: {facts.error or 'no reason'})",
            "load the image into the cluster's registry or nodes, or name another one in IMS_BUILDER_IMAGE",
        )
    if facts.reason in CONFIG_REASONS:
        return Verdict(
            Category.CONFIG_ERROR,
            f"{name} could not start: its container cannot be made ({facts.reason}: {facts.error or 'no reason'})",
            f"see `kubectl describe pod {facts.name}` while it waits; the IMS_KUBERNETES_… settings shape it",
        )
    if _waits_for_volume(facts):
        return Verdict(
            Category.VOLUME_NOT_BOUND,
            f"{name} could not start: its workspace cannot be mounted ({_volume_reason(facts) or why})",
            "see `kubectl get persistentvolumeclaims,storageclasses`; "
            "IMS_KUBERNETES_STORAGE_CLASS names the class, build_env_size the size",
        )
    if facts.reason == UNSCHEDULABLE:
        return Verdict(Category.UNSCHEDULABLE, f"{name} found no node: {why}", _what_is_missing(facts.error))
    return _removed_by_cluster(facts) or _refused_by_node(facts) or _stuck(facts)


def _ended(facts: Facts) -> Verdict | None:
    if facts.reason == DEADLINE_EXCEEDED:
        limit = f" within {facts.deadline}" if facts.deadline else ""
        return Verdict(
            Category.DEADLINE,
            f"pod {facts.name} was stopped: it did not end{limit}",
            "see in its log what it waited for, or raise the step's limit",
        )
    return _removed_by_cluster(facts)


def _removed_by_cluster(facts: Facts) -> Verdict | None:
    node = f" on node {facts.node}" if facts.node else ""
    if facts.reason in EVICTIONS and any(words in facts.error for words in OWN_STORAGE):
        return Verdict(
            Category.DISK_FULL,
            f"pod {facts.name}{node} has written too much outside its workspace: {facts.error}",
            "write less there, in /tmp of the pod say, or raise IMS_POD_STORAGE_LIMIT",
        )
    if facts.reason in EVICTIONS:
        return Verdict(
            Category.EVICTED,
            f"pod {facts.name}{node} was evicted: {facts.error or facts.reason}",
            "give the nodes more room, or the pods a node of their own (IMS_KUBERNETES_NODE_SELECTOR)",
        )
    if facts.reason in NODE_LOSSES:
        return Verdict(
            Category.NODE_LOST,
            f"pod {facts.name} was lost with its node {facts.node or '(unknown)'}: {facts.error or facts.reason}",
            "see `kubectl get nodes`; the workspace can be used again once that node is back or removed",
        )
    return None


def _refused_by_node(facts: Facts) -> Verdict | None:
    if not facts.reason.startswith(ADMISSION_REASONS):
        return None
    return Verdict(
        Category.EVICTED,
        f"pod {facts.name} was refused by node {facts.node or '(unknown)'}: {facts.error or facts.reason}",
        "another node may take it; see `kubectl describe node`",
    )


def _stuck(facts: Facts) -> Verdict | None:
    if not facts.reason:
        return None
    said = facts.error or (facts.events[-1] if facts.events else "the cluster says nothing about it")
    return Verdict(
        Category.RUNTIME_BROKEN,
        f"pod {facts.name} could not start ({facts.reason}): {said}",
        f"see `kubectl describe node {facts.node}`" if facts.node else "see whether the cluster's scheduler works",
    )


def _waits_for_volume(facts: Facts) -> bool:
    if facts.reason == UNSCHEDULABLE:
        return any(word in facts.error.lower() for word in VOLUME_WORDS)
    return bool(_volume_reason(facts))


def _volume_reason(facts: Facts) -> str:
    """Return the last event about a volume that fails."""
    failures = [event for event in facts.events if event.startswith(VOLUME_REASONS)]
    return failures[-1] if failures else ""


def _what_is_missing(error: str) -> str:
    found = [advice for words, advice in MISSING.items() if words in error.lower()]
    return "; ".join(found) or "see `kubectl describe nodes` for what the pod asks for and they lack"
