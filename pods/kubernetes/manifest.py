"""What a cluster's administrator adds to the manifests, and how a pod of ours is recognised."""

import hashlib
import json
from copy import deepcopy
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from pods.kubernetes.options import KubernetesOptions
from pods.manifest import (
    ATTEMPT_LABEL,
    JOB_LABEL,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    STEP_LABEL,
    WORKSPACE_VOLUME,
    Claim,
    Pod,
    claim_manifest,
    pod_manifest,
)

FINGERPRINT_ANNOTATION = "ims/fingerprint"
EXTERNAL_DNS = "external-dns.alpha.kubernetes.io/hostname"
SSH_PORT = 22


def pod_for_kubernetes(pod: Pod, options: KubernetesOptions) -> dict[str, Any]:
    """Return the manifest of a pod as this cluster wants it."""
    manifest = deepcopy(pod_manifest(pod))
    manifest["metadata"]["annotations"][FINGERPRINT_ANNOTATION] = fingerprint(pod)
    spec = manifest["spec"]
    # The step's own limit counts from its start; this one, which counts from the pod's, is for a step that hangs.
    waiting = options.start_limit + timedelta(minutes=1)
    spec["activeDeadlineSeconds"] += int(waiting.total_seconds())
    if options.node_selector:
        spec["nodeSelector"] = spec.get("nodeSelector", {}) | options.node_selector
    chosen: dict[str, Any] = {
        "runtimeClassName": options.runtime_class,
        "tolerations": options.tolerations,
        "affinity": options.affinity,
        "imagePullSecrets": [{"name": name} for name in options.image_pull_secrets],
    }
    if options.host_path and pod.claim:
        folder = {"path": f"{options.host_path}/{pod.claim}", "type": "DirectoryOrCreate"}
        spec["volumes"] = [{"name": WORKSPACE_VOLUME, "hostPath": folder}]
    return manifest | {"spec": spec | {key: value for key, value in chosen.items() if value}}


def claim_for_kubernetes(claim: Claim, options: KubernetesOptions) -> dict[str, Any]:
    """Return the manifest of a workspace as this cluster wants it: a claim, or a ConfigMap for a folder of a node."""
    manifest = claim_manifest(claim)
    if options.host_path:
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": manifest["metadata"]}
    if options.storage_class:
        manifest["spec"]["storageClassName"] = options.storage_class
    return manifest


def service_manifest(pod: dict[str, Any], port: int, options: KubernetesOptions) -> dict[str, Any]:
    """Return the service by which a running pod's port is reached as port 22; the cluster removes it with the pod.

    Args:
        pod: The pod as the cluster holds it.
        port: Where its program listens.
        options: The type and the annotations.
    """
    meta = pod["metadata"]
    labels = meta["labels"]
    owner = {"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "uid": meta["uid"]}
    job_id = labels[JOB_LABEL]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": meta["name"],
            "labels": {key: labels[key] for key in (MANAGED_BY_LABEL, JOB_LABEL, STEP_LABEL, ATTEMPT_LABEL)},
            "annotations": {
                key: value.replace("{job_id}", job_id) for key, value in options.service_annotations.items()
            },
            "ownerReferences": [owner],
        },
        "spec": {
            "type": options.service_type,
            "selector": {key: labels[key] for key in (JOB_LABEL, STEP_LABEL, ATTEMPT_LABEL)},
            "ports": [{"name": "ssh", "protocol": "TCP", "port": SSH_PORT, "targetPort": port}],
        },
    }


def fingerprint(pod: Pod) -> str:
    """Return a digest of the step's command and its input: a pod is adopted when it has the same.

    Presigned URLs are made again by every run, so their signatures do not count. Limits and the image do not count
    either: a new release of the worker may have changed them while the pod was running.
    """
    unsigned = {name: _unsigned(value) for name, value in pod.env.items()}
    return hashlib.sha256(json.dumps([pod.command, unsigned], sort_keys=True).encode()).hexdigest()[:32]


def is_ours(resource: dict[str, Any], job_id: str) -> bool:
    """Return whether an object is of this project and of that job."""
    labels = resource["metadata"].get("labels") or {}
    return labels.get(MANAGED_BY_LABEL) == MANAGED_BY and labels.get(JOB_LABEL) == job_id


def _unsigned(value: str) -> str:
    return urlsplit(value)._replace(query="").geturl() if value.startswith(("http://", "https://")) else value
