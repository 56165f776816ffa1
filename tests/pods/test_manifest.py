import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes import client
from pydantic import ValidationError

from pods.manifest import Claim, Pod, claim_manifest, literal, pod_manifest, unescaped
from pods.resources import Resources
from tests.kubernetes_api.variables import expanded

JOB = "0b1f5a0e-3c5e-4a43-9d0a-5a3a3f1b2c4d"


def pod(**changes: Any) -> Pod:
    fields = {
        "job_id": JOB,
        "step": "prepare",
        "image": "localhost/ims-builder:1",
        "command": ["build", "--root", "$(HOME)"],
        "env": {"MIRROR": "2024", "SHELL_PID": "$$"},
        "claim": Claim(job_id=JOB, size_gib=10).name,
        "memory_gib": 8,
        "deadline": timedelta(hours=4),
    }
    return Pod.model_validate(fields | changes)


def as_kubernetes_reads_it(manifest: dict[str, Any]) -> Any:
    """Return the manifest as the official client's models hold it, and write it back."""
    api = client.ApiClient()
    kind = {"Pod": "V1Pod", "PersistentVolumeClaim": "V1PersistentVolumeClaim"}[manifest["kind"]]
    model = api.deserialize(json.dumps(manifest), kind, "application/json")
    return api.sanitize_for_serialization(model)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="plain"),
        pytest.param({"privileged": True}, id="privileged"),
        pytest.param({"root": False, "arch": "x86_64"}, id="nobody"),
        pytest.param({"claim": ""}, id="without a workspace"),
        pytest.param({"host_network": True, "host_aliases": {"a": "127.0.0.1", "b": "127.0.0.1"}}, id="host network"),
    ],
)
def test_kubernetes_models_keep_every_field_of_a_pod(changes: dict[str, Any]) -> None:
    manifest = pod_manifest(pod(**changes))
    assert as_kubernetes_reads_it(manifest) == manifest


def test_kubernetes_models_keep_every_field_of_a_claim() -> None:
    manifest = claim_manifest(Claim(job_id=JOB, size_gib=15))
    assert as_kubernetes_reads_it(manifest) == manifest
    assert manifest["spec"]["resources"]["requests"]["storage"] == "15Gi"


def test_a_pod_carries_its_limits() -> None:
    spec = pod_manifest(pod())["spec"]
    assert spec["activeDeadlineSeconds"] == 4 * 3600
    assert spec["restartPolicy"] == "Never"
    assert spec["automountServiceAccountToken"] is False
    assert spec["containers"][0]["resources"] == {
        "limits": {"memory": "8Gi"},
        "requests": {"memory": "8Gi", "cpu": "1", "ephemeral-storage": "1Gi"},
    }


def test_a_pod_carries_what_it_asks_of_its_node() -> None:
    asked = Resources(cpu_request="250m", cpu_limit="4", storage_request="2G", storage_limit="20G")
    manifest = pod_manifest(pod(resources=asked))
    assert manifest["spec"]["containers"][0]["resources"] == {
        "limits": {"memory": "8Gi", "cpu": "4", "ephemeral-storage": "20G"},
        "requests": {"memory": "8Gi", "cpu": "250m", "ephemeral-storage": "2G"},
    }
    assert as_kubernetes_reads_it(manifest) == manifest


def rights(**changes: Any) -> Any:
    return pod_manifest(pod(**changes))["spec"]["containers"][0]["securityContext"]


CONFINED = {
    "privileged": False,
    "allowPrivilegeEscalation": False,
    "seccompProfile": {"type": "RuntimeDefault"},
    "capabilities": {"drop": ["ALL"]},
}


def test_only_a_pod_that_asks_is_privileged() -> None:
    assert rights(privileged=True) == {"privileged": True}
    assert rights() == CONFINED | {"capabilities": {"drop": ["ALL"], "add": ["DAC_OVERRIDE"]}}


def test_a_pod_that_needs_no_root_is_what_the_strictest_standard_wants() -> None:
    # Pod Security Standards, "restricted".
    assert rights(root=False) == CONFINED | {"runAsNonRoot": True, "runAsUser": 65534, "runAsGroup": 65534}


def test_a_pod_without_a_claim_has_a_workspace_of_its_own() -> None:
    assert pod_manifest(pod(claim=""))["spec"]["volumes"] == [{"name": "workspace", "emptyDir": {}}]


def test_a_pod_runs_on_nodes_of_its_architecture() -> None:
    assert pod_manifest(pod(arch="aarch64"))["spec"]["nodeSelector"] == {"kubernetes.io/arch": "arm64"}
    assert "nodeSelector" not in pod_manifest(pod())["spec"]


def test_a_pods_labels_lead_to_its_job() -> None:
    labels = pod_manifest(pod(attempt=3))["metadata"]["labels"]
    assert labels == {
        "app.kubernetes.io/managed-by": "ims",
        "ims/job-id": JOB,
        "ims/step": "prepare",
        "ims/attempt": "3",
    }


def test_a_pods_name_follows_from_job_step_and_attempt() -> None:
    assert pod(attempt=2).name == f"ims-{JOB}-prepare-2"


def test_the_longest_name_is_a_dns_label() -> None:
    assert len(pod(step="s" * 16, attempt=9999).name) <= 63


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"job_id": "Upper"}, id="upper case in the job id"),
        pytest.param({"job_id": "a_b"}, id="underscore in the job id"),
        pytest.param({"step": "s" * 17}, id="long step"),
        pytest.param({"step": "-x"}, id="step begins with a dash"),
        pytest.param({"env": {"A=B": "x"}}, id="equals sign in a variable's name"),
        pytest.param({"env": {"A": "x\0y"}}, id="NUL in a value"),
        pytest.param({"command": ["x\0y"]}, id="NUL in the command"),
        pytest.param({"command": []}, id="no command"),
        pytest.param({"deadline": timedelta(0)}, id="no time"),
        pytest.param({"memory_gib": 0}, id="no memory"),
        pytest.param({"host_aliases": {"a\n127.0.0.1 b": "127.0.0.1"}}, id="line break in a host name"),
        pytest.param({"host_aliases": {"a": "somewhere"}}, id="alias without an address"),
        pytest.param({"surprise": 1}, id="unknown field"),
    ],
)
def test_what_cannot_be_a_manifest_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        pod(**changes)


# Every name is a variable here: what is expanded shows.
EVERYTHING: Mapping[str, str] = defaultdict(lambda: "EXPANDED")


@given(st.text(alphabet="$()Aa {}"))
def test_kubernetes_expands_nothing_of_what_a_user_wrote(text: str) -> None:
    assert expanded(literal(text), EVERYTHING) == text
    assert unescaped(literal(text)) == text
