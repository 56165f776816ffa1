from pathlib import Path

import pytest
from kubernetes.config import incluster_config

from errors import Broken
from pods.kubernetes import config as kubernetes_config
from pods.kubernetes.config import connect
from pods.kubernetes.options import KubernetesOptions
from tests.kubernetes_api import FakeCluster


@pytest.fixture
def in_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files and variables that a pod of a cluster finds."""
    for name, text in {"token": "secret", "ca.crt": "certificate", "namespace": "builds\n"}.items():
        (tmp_path / name).write_text(text)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    monkeypatch.setattr(kubernetes_config, "OWN_NAMESPACE", tmp_path / "namespace")
    return tmp_path


def test_the_kubeconfig_names_cluster_and_namespace(cluster: FakeCluster) -> None:
    client, namespace = connect(KubernetesOptions())
    assert (client.configuration.host, namespace) == (cluster.url, "ims")


def test_a_chosen_namespace_counts_before_the_kubeconfigs(cluster: FakeCluster) -> None:
    assert connect(KubernetesOptions(namespace="mine"))[1] == "mine"


def test_a_context_that_is_not_there_is_named(cluster: FakeCluster) -> None:
    with pytest.raises(Broken, match="elsewhere"):
        connect(KubernetesOptions(context="elsewhere"))


def test_urllib3_tries_nothing_again_by_itself(cluster: FakeCluster) -> None:
    assert connect(KubernetesOptions())[0].configuration.retries is False


def test_in_a_cluster_the_pods_run_beside_the_worker(in_cluster: Path) -> None:
    client, namespace = connect(KubernetesOptions())
    assert (client.configuration.host, namespace) == ("https://10.96.0.1:443", "builds")


def test_without_a_cluster_the_variable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "missing"))
    with pytest.raises(Broken, match="no Kubernetes cluster") as caught:
        connect(KubernetesOptions())
    assert "KUBECONFIG" in caught.value.resolution
