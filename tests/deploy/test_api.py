"""The REST API in the cluster: who reaches it, what it may do there, and how it is served."""

import shutil
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
from typer.testing import CliRunner

from api.server import refuse_open
from api.uvicorn_options import STOP_SECONDS
from cli.main import app
from config.api import Api, Tokens
from errors import BadInput
from tests.deploy.rendered import DEPLOY, Manifest, kustomized, named, of_kind, pod_template, rendered, settings_of
from tests.deploy.test_manifests import VERSIONS

EXAMPLE = "overlays/example"
WITHOUT_TOKEN = "../../components/api-without-token"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    """The example with the second listener, as its comment says."""
    copied = shutil.copytree(DEPLOY, tmp_path_factory.mktemp("opened") / "deploy")
    file = copied / EXAMPLE / "kustomization.yaml"
    off = f"  # - {WITHOUT_TOKEN}\n"
    assert off in file.read_text()
    file.write_text(file.read_text().replace(off, f"  - {WITHOUT_TOKEN}\n"))
    return kustomized(copied / EXAMPLE)


def container() -> Manifest:
    [found] = pod_template(named(EXAMPLE, "Deployment", "ims-api"))["spec"]["containers"]
    return dict(found)


def one(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    [found] = [each for each in manifests if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


def allowed(policy: Manifest) -> list[tuple[dict[str, Any], str]]:
    """Return who may connect to which port."""
    return [
        (peer["namespaceSelector"], port["port"])
        for rule in policy["spec"]["ingress"]
        for peer in rule["from"]
        for port in rule["ports"]
    ]


def test_it_is_started_by_a_command_that_there_is_at_the_port_of_its_probes() -> None:
    program, *arguments = container()["args"]
    assert program == "ims"
    ran = CliRunner().invoke(app, [*arguments, "--help"])
    assert ran.exit_code == 0, ran.output
    assert arguments[arguments.index("--port") + 1] == str(container()["ports"][0]["containerPort"])


def test_without_tokens_it_would_not_start_and_with_those_of_the_example_it_does() -> None:
    arguments = container()["args"]
    host = arguments[arguments.index("--host") + 1]
    with pytest.raises(BadInput, match="without a token"):
        refuse_open(host, Api(), Tokens())
    told = settings_of(EXAMPLE)
    prefix = "IMS_API_JWT_"
    tokens = {name.removeprefix(prefix).lower(): value for name, value in told.items() if name.startswith(prefix)}
    refuse_open(host, Api(), Tokens.model_validate(tokens))


def test_one_replica_serves_while_another_is_drained_or_replaced() -> None:
    spec = named(EXAMPLE, "Deployment", "ims-api")["spec"]
    assert spec["replicas"] == 2
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    budget = named(EXAMPLE, "PodDisruptionBudget", "ims-api")["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["selector"] == spec["selector"]
    # Its requests are answered before it is killed: those of both listeners, one after the other.
    pause = int(container()["lifecycle"]["preStop"]["exec"]["command"][1])
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] > pause + 2 * STOP_SECONDS


def test_its_account_has_no_rights() -> None:
    template = pod_template(named(EXAMPLE, "Deployment", "ims-api"))["spec"]
    assert template["serviceAccountName"] == "ims-api"
    assert template["automountServiceAccountToken"] is False
    bound = [each["name"] for binding in of_kind(EXAMPLE, "RoleBinding") for each in binding["subjects"]]
    assert "ims-worker" in bound
    assert "ims-api" not in bound


def test_the_ingress_leads_to_its_service() -> None:
    [rule] = named(EXAMPLE, "Ingress", "ims-api")["spec"]["rules"]
    [path] = rule["http"]["paths"]
    assert path["path"] == "/apis/ims"
    service = named(EXAMPLE, "Service", path["backend"]["service"]["name"])
    assert path["backend"]["service"]["port"]["name"] in {port["name"] for port in service["spec"]["ports"]}
    assert [each["hosts"] for each in named(EXAMPLE, "Ingress", "ims-api")["spec"]["tls"]] == [[rule["host"]]]


def test_everyone_but_the_pods_of_jobs_reaches_the_listener_that_asks_for_tokens() -> None:
    [(peers, port)] = allowed(named(EXAMPLE, "NetworkPolicy", "ims-api"))
    assert port == "http"
    assert peers == {
        "matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["ims-builds"]}]
    }


def test_without_the_component_there_is_no_second_listener() -> None:
    assert {port["name"] for port in container()["ports"]} == {"http"}
    assert not any(name.startswith("IMS_API_OPEN") for name in settings_of(EXAMPLE))
    assert "cray-ims" not in {each["metadata"]["name"] for each in of_kind(EXAMPLE, "Service")}


def test_only_who_is_named_reaches_the_second_listener(opened: list[Manifest]) -> None:
    policies = [each for each in opened if each["kind"] == "NetworkPolicy" and each["metadata"]["namespace"] == "ims"]
    labels = pod_template(one(opened, "Deployment", "ims-api"))["metadata"]["labels"]
    holding = [
        each for each in policies if each["spec"]["podSelector"].get("matchLabels", {}).items() <= labels.items()
    ]
    # A pod accepts what any of its policies allows.
    to_open = [peers for each in holding for peers, port in allowed(each) if port == "open"]
    assert to_open == [
        {
            "matchExpressions": [
                {"key": "ims/without-token", "operator": "In", "values": ["true"]},
                {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["ims-builds"]},
            ]
        }
    ]
    assert all(port in {"http", "open"} for each in holding for _, port in allowed(each))


def test_the_service_of_csms_clients_leads_to_the_second_listener(opened: list[Manifest]) -> None:
    [found] = pod_template(one(opened, "Deployment", "ims-api"))["spec"]["containers"]
    told = {each["name"]: each["value"] for each in found["env"]}
    ports = {each["name"]: each["containerPort"] for each in found["ports"]}
    chosen = Api.model_validate({name.removeprefix("IMS_API_").lower(): value for name, value in told.items()})
    assert (chosen.open_port, chosen.open_host, chosen.open_role) == (ports["open"], "0.0.0.0", "write")
    [port] = one(opened, "Service", "cray-ims")["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (80, "open")


@pytest.mark.parametrize("version", VERSIONS)
def test_its_manifests_are_what_their_kinds_may_be(opened: list[Manifest], version: str) -> None:
    changed = [each for each in opened if each not in rendered(EXAMPLE)]
    assert {each["kind"] for each in changed} == {"Deployment", "Service", "NetworkPolicy"}
    for manifest in changed:
        kubernetes_validate.validate(manifest, version, strict=True)
