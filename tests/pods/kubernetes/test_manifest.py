import json
from datetime import timedelta
from typing import Any

import pytest
from kubernetes import client

from pods.kubernetes.manifest import claim_for_kubernetes, fingerprint, pod_for_kubernetes, service_manifest
from pods.kubernetes.options import KubernetesOptions
from pods.manifest import Claim, Pod

JOB = "0b1f5a0e-3c5e-4a43-9d0a-5a3a3f1b2c4d"
TOLERATION = {"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}
AFFINITY: dict[str, Any] = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}


def pod(**changes: Any) -> Pod:
    fields = {
        "job_id": JOB,
        "step": "prepare",
        "image": "localhost/ims-builder:1",
        "command": ["build"],
        "claim": Claim(job_id=JOB, size_gib=10).name,
        "memory_gib": 8,
        "deadline": timedelta(hours=4),
        "arch": "aarch64",
    }
    return Pod.model_validate(fields | changes)


ADMINISTRATORS = KubernetesOptions(
    runtime_class="kata",
    node_selector={"pool": "builds"},
    tolerations=[TOLERATION],
    affinity=AFFINITY,
    image_pull_secrets=["registry"],
    storage_class="fast",
    service_type="LoadBalancer",
    service_annotations={"metallb.universe.tf/address-pool": "users", "dns": "{job_id}.ims.test"},
)


def as_kubernetes_reads_it(manifest: dict[str, Any], kind: str) -> Any:
    api = client.ApiClient()
    model = api.deserialize(json.dumps(manifest), kind, "application/json")
    return api.sanitize_for_serialization(model)  # type: ignore[no-untyped-call]


def test_a_pod_gets_what_the_administrator_chose() -> None:
    manifest = pod_for_kubernetes(pod(), ADMINISTRATORS)
    spec = manifest["spec"]
    assert spec["nodeSelector"] == {"kubernetes.io/arch": "arm64", "pool": "builds"}
    assert (spec["runtimeClassName"], spec["tolerations"], spec["affinity"]) == ("kata", [TOLERATION], AFFINITY)
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    assert as_kubernetes_reads_it(manifest, "V1Pod") == manifest


def test_what_was_not_chosen_is_left_to_the_cluster() -> None:
    spec = pod_for_kubernetes(pod(arch=""), KubernetesOptions())["spec"]
    assert not {"nodeSelector", "runtimeClassName", "tolerations", "affinity", "imagePullSecrets"} & set(spec)
    assert "storageClassName" not in claim_for_kubernetes(Claim(job_id=JOB, size_gib=1), KubernetesOptions())["spec"]


def test_a_step_gets_its_whole_time_however_long_its_start_takes() -> None:
    options = KubernetesOptions(start_limit=timedelta(minutes=15))
    spec = pod_for_kubernetes(pod(), options)["spec"]
    assert spec["activeDeadlineSeconds"] > 4 * 3600 + 15 * 60
    assert spec["containers"][0]["command"][:4] == ["timeout", "-k", "10", "14400"]


def test_a_claim_gets_its_class() -> None:
    manifest = claim_for_kubernetes(Claim(job_id=JOB, size_gib=10), ADMINISTRATORS)
    assert manifest["spec"]["storageClassName"] == "fast"
    assert as_kubernetes_reads_it(manifest, "V1PersistentVolumeClaim") == manifest


def test_a_service_leads_to_its_pod_and_is_removed_with_it() -> None:
    live = pod_for_kubernetes(pod(), ADMINISTRATORS)
    live["metadata"]["uid"] = "17"
    manifest = service_manifest(live, 40022, ADMINISTRATORS)
    assert manifest["metadata"]["ownerReferences"][0]["uid"] == "17"
    assert manifest["spec"]["selector"].items() <= live["metadata"]["labels"].items()
    assert manifest["metadata"]["annotations"]["dns"] == f"{JOB}.ims.test"
    assert as_kubernetes_reads_it(manifest, "V1Service")["spec"]["type"] == "LoadBalancer"


URL = "https://s3.test/ims/context.tgz"


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        pytest.param({"env": {"URL": f"{URL}?X-Amz-Signature=2"}}, True, id="another signature"),
        pytest.param({"env": {"URL": "https://s3.test/ims/other.tgz?X-Amz-Signature=1"}}, False, id="another object"),
        pytest.param({"image": "localhost/ims-builder:2"}, True, id="another release's image"),
        pytest.param({"memory_gib": 16}, True, id="another limit"),
        pytest.param({"command": ["package"]}, False, id="another command"),
        pytest.param({"env": {"URL": URL, "MORE": "1"}}, False, id="told more"),
    ],
)
def test_a_fingerprint_is_that_of_the_step(changes: dict[str, Any], same: bool) -> None:
    first = fingerprint(pod(env={"URL": f"{URL}?X-Amz-Signature=1"}))
    assert (fingerprint(pod(**{"env": {"URL": f"{URL}?X-Amz-Signature=1"}} | changes)) == first) is same
