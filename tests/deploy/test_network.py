"""Who reaches whom, as the NetworkPolicies say."""

from datetime import timedelta
from ipaddress import IPv4Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.contract.addresses import METADATA, refused_kind
from pods.manifest import Pod, pod_manifest
from tests.deploy.rendered import Manifest, named, of_kind

EXAMPLE = "overlays/example"
API_SERVICE, API_SERVER, NODE_METADATA = "10.96.0.1", "192.0.2.11", "169.254.169.254"
S3, MIRROR = "198.51.100.7", "203.0.113.80"


def reaches(policy: Manifest, address: str) -> bool:
    """Tell whether a pod that the policy holds for reaches an address."""
    peers = [peer["ipBlock"] for rule in policy["spec"]["egress"] for peer in rule["to"] if "ipBlock" in peer]
    return any(
        ip_address(address) in ip_network(peer["cidr"])
        and not any(ip_address(address) in ip_network(without) for without in peer.get("except", []))
        for peer in peers
    )


def builds_pod(step: str, *, serves: bool = False) -> Manifest:
    limit = timedelta(minutes=1)
    return pod_manifest(
        Pod(job_id="a", step=step, image="i", command=["true"], memory_gib=1, deadline=limit, serves=serves)
    )


def is_held(policy: Manifest, pod: Manifest) -> bool:
    return bool(policy["spec"]["podSelector"].get("matchLabels", {}).items() <= pod["metadata"]["labels"].items())


@pytest.mark.parametrize("address", [S3, MIRROR])
def test_builds_reach_s3_and_repositories(address: str) -> None:
    assert reaches(named(EXAMPLE, "NetworkPolicy", "builds"), address)


@pytest.mark.parametrize("address", [API_SERVICE, API_SERVER, NODE_METADATA, "fd00::1"])
def test_builds_do_not_reach_the_api_server(address: str) -> None:
    assert not reaches(named(EXAMPLE, "NetworkPolicy", "builds"), address)


_METADATA = sorted(str(address) for address in METADATA if address.version == 4)
_FIRST_AND_LAST = ["0.0.0.0", "0.255.255.255", "169.254.0.0", "169.254.255.255", "224.0.0.0", "255.255.255.255"]
_BESIDE_THEM = ["1.0.0.0", "169.253.255.255", "169.255.0.0", "223.255.255.255", "100.100.100.199", "10.96.0.1"]


def of_repository(address: str) -> bool:
    return not refused_kind(address, private=True) and ip_address(address) not in ip_network("10.96.0.0/12")


@pytest.mark.parametrize("address", [*_METADATA, *_FIRST_AND_LAST, *_BESIDE_THEM])
def test_builds_reach_what_a_repository_may_be_at_and_nothing_else(address: str) -> None:
    assert reaches(named("base", "NetworkPolicy", "builds"), address) is of_repository(address)


@given(address=st.integers(0, 2**32 - 1).map(IPv4Address).map(str))
def test_builds_reach_any_address_that_a_repository_may_be_at(address: str) -> None:
    assert reaches(named("base", "NetworkPolicy", "builds"), address) is of_repository(address)


def test_builds_look_names_up_and_reach_whom_the_site_labels() -> None:
    rules = named(EXAMPLE, "NetworkPolicy", "builds")["spec"]["egress"]
    peers = [peer for rule in rules for peer in rule["to"] if "ipBlock" not in peer]
    names, serving = peers
    assert names["podSelector"] == {"matchLabels": {"k8s-app": "kube-dns"}}
    assert {port["port"] for rule in rules for port in rule.get("ports", [])} == {53}
    assert serving == {"namespaceSelector": {"matchLabels": {"ims/serves-builds": "true"}}}


@pytest.mark.parametrize("step", ["prepare", "shell", "release"])
def test_every_pod_of_a_job_is_held(step: str) -> None:
    policy = named("base", "NetworkPolicy", "builds")
    assert is_held(policy, builds_pod(step))
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert policy["spec"]["ingress"] == []


@pytest.mark.parametrize("serves", [True, False])
def test_only_shells_are_reached(serves: bool) -> None:
    assert is_held(named("base", "NetworkPolicy", "shells"), builds_pod("shell", serves=serves)) is serves


def test_nothing_beside_the_worker_is_reached_by_builds() -> None:
    policies = [known for known in of_kind(EXAMPLE, "NetworkPolicy") if known["metadata"]["namespace"] == "ims"]
    by_name = {known["metadata"]["name"]: known["spec"] for known in policies}
    assert by_name["nobody-unless-allowed"] == {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": []}
    [server] = [peer for rule in by_name["prefect-server"]["ingress"] for peer in rule["from"]]
    [namespaces] = server["namespaceSelector"]["matchExpressions"]
    assert (namespaces["operator"], namespaces["values"]) == ("NotIn", ["ims-builds"])
    [database] = [peer for rule in by_name["postgresql"]["ingress"] for peer in rule["from"]]
    assert database == {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "prefect-server"}}}
