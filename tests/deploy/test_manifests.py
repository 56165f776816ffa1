"""The manifests of deploy/: what the API server would refuse, and what it would take and nobody wants."""

import copy
import re
from collections.abc import Iterator
from pathlib import Path

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml
from typer.testing import CliRunner

from cli.main import app
from flows.reconcile import reconcile
from storage.settings import Settings
from tests.deploy.rendered import (
    DEPLOY,
    OVERLAYS,
    WORKLOADS,
    Manifest,
    named,
    of_kind,
    pod_template,
    rendered,
    settings_of,
)

# The oldest that docs/kubernetes.md promises, and the newest known.
VERSIONS = ("1.27", "1.37")
SECRET_WORDS = re.compile(r"SECRET|PASSWORD|ACCESS_KEY|AUTH_STRING|TOKEN|CONNECTION_URL")
DOCUMENTATION = (DEPLOY.parent / "docs/kubernetes.md").read_text()

every_overlay = pytest.mark.parametrize("folder", OVERLAYS)


def pods(folder: str) -> Iterator[tuple[str, Manifest]]:
    """Yield the name of each workload and the spec of its pods."""
    for workload in of_kind(folder, *WORKLOADS):
        yield workload["metadata"]["name"], pod_template(workload)["spec"]


def containers(folder: str) -> Iterator[tuple[Manifest, Manifest]]:
    """Yield each container of each workload, after the spec of its pod."""
    for _, spec in pods(folder):
        for container in [*spec["containers"], *spec.get("initContainers", [])]:
            yield spec, container


@every_overlay
@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_what_its_kind_may_be(folder: str, version: str) -> None:
    for manifest in rendered(folder):
        kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize(
    ("name", "value"), [("imagePullPolcy", "Always"), ("ports", [{"containerPort": "https"}])], ids=["name", "type"]
)
def test_a_mistake_deep_inside_is_found(name: str, value: object) -> None:
    broken = copy.deepcopy(named("base", "Deployment", "ims-worker"))
    pod_template(broken)["spec"]["containers"][0][name] = value
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSIONS[0], strict=True)


@every_overlay
def test_nobody_is_named_twice(folder: str) -> None:
    names = [
        (known["kind"], known["metadata"].get("namespace"), known["metadata"]["name"]) for known in rendered(folder)
    ]
    assert len(names) == len(set(names))


@every_overlay
def test_no_secret_is_written_down(folder: str) -> None:
    assert of_kind(folder, "Secret") == []
    literal = [entry for _, container in containers(folder) for entry in container.get("env", []) if "value" in entry]
    names = {entry["name"] for entry in literal} | set(settings_of(folder))
    assert [name for name in names if SECRET_WORDS.search(name)] == []


@every_overlay
def test_every_secret_is_one_that_the_documentation_tells_how_to_make(folder: str) -> None:
    found = {name for _, spec in pods(folder) for name in secrets_named(spec)}
    assert "ims-s3" in found
    assert [name for name in found if f"create secret generic {name} " not in DOCUMENTATION] == []


def secrets_named(spec: object) -> Iterator[str]:
    """Yield the names of the secrets that a part of a pod's spec refers to, wherever it does."""
    if isinstance(spec, list):
        for entry in spec:
            yield from secrets_named(entry)
    elif isinstance(spec, dict):
        for key, value in spec.items():
            if key in {"secretRef", "secretKeyRef", "secret"}:
                yield value.get("name") or value["secretName"]
            else:
                yield from secrets_named(value)


@every_overlay
def test_the_settings_are_settings(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {name: value for name, value in settings_of(folder).items() if name.startswith("IMS_")}
    assert {name.removeprefix("IMS_").lower() for name in told} <= set(Settings.model_fields)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    chosen = Settings()
    assert chosen.pod_runtime == "kubernetes"
    [role] = [known for known in of_kind(folder, "Role") if known["metadata"]["name"] == "ims-worker"]
    assert role["metadata"]["namespace"] == chosen.kubernetes_namespace
    labels = named(folder, "Namespace", chosen.kubernetes_namespace)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "privileged"


@every_overlay
def test_the_pods_are_what_the_restricted_standard_asks_for(folder: str) -> None:
    """The namespace enforces it, so a pod that is not would never start."""
    assert named(folder, "Namespace", "ims")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for spec, container in containers(folder):
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


@every_overlay
def test_only_the_worker_has_an_account(folder: str) -> None:
    assert [name for name, spec in pods(folder) if spec["automountServiceAccountToken"]] == ["ims-worker"]


@every_overlay
def test_every_container_has_limits_and_probes(folder: str) -> None:
    for spec, container in containers(folder):
        assert set(container["resources"]["requests"]) == {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]
        if spec.get("restartPolicy") == "Never":
            # It starts something, and ends.
            continue
        ports = {port["name"] for port in container["ports"]}
        for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
            asked = container[kind].get("httpGet", {}).get("port")
            assert asked in ports or "exec" in container[kind], f"{container['name']}: {kind}"


@every_overlay
def test_whatever_is_named_is_there(folder: str) -> None:
    maps = {known["metadata"]["name"] for known in of_kind(folder, "ConfigMap")}
    claims = {known["metadata"]["name"] for known in of_kind(folder, "PersistentVolumeClaim")}
    accounts = {known["metadata"]["name"] for known in of_kind(folder, "ServiceAccount")}
    used = set()
    for _, spec in pods(folder):
        assert spec.get("serviceAccountName", "ims-worker") in accounts
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        used |= {
            volume["persistentVolumeClaim"]["claimName"]
            for volume in volumes.values()
            if "persistentVolumeClaim" in volume
        }
        for container in spec["containers"]:
            assert {
                source["configMapRef"]["name"] for source in container.get("envFrom", []) if "configMapRef" in source
            } <= maps
            templates = {"data"} if "postgresql" in container["name"] else set()
            assert {mount["name"] for mount in container["volumeMounts"]} <= set(volumes) | templates
    assert used == claims


@every_overlay
def test_services_lead_to_pods(folder: str) -> None:
    for service in of_kind(folder, "Service"):
        wanted = service["spec"]["selector"].items()
        [workload] = [
            known
            for known in of_kind(folder, *WORKLOADS)
            if wanted <= pod_template(known)["metadata"]["labels"].items()
        ]
        offered = {port["name"] for port in pod_template(workload)["spec"]["containers"][0]["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= offered


@every_overlay
def test_the_worker_finds_the_prefect_server(folder: str) -> None:
    services = {
        f"http://{known['metadata']['name']}.{known['metadata']['namespace']}.svc:{known['spec']['ports'][0]['port']}/api"
        for known in of_kind(folder, "Service")
    }
    assert folder == "base" or settings_of(folder)["PREFECT_API_URL"] in services


def test_the_worker_is_started_by_a_command_that_there_is() -> None:
    [container] = pod_template(named("base", "Deployment", "ims-worker"))["spec"]["containers"]
    program, *arguments = container["args"]
    assert program == "ims"
    ran = CliRunner().invoke(app, [*arguments, "--help"])
    assert ran.exit_code == 0, ran.output
    assert arguments[arguments.index("--health-port") + 1] == str(container["ports"][0]["containerPort"])


def test_every_night_a_flow_is_started_that_there_is() -> None:
    [spec] = [spec for name, spec in pods("overlays/example") if name == "reconcile"]
    *command, deployment, option, parameter = spec["containers"][0]["args"]
    assert (command, option) == (["prefect", "deployment", "run"], "--param")
    deployed = yaml.safe_load((DEPLOY.parent / "prefect.yaml").read_text())["deployments"]
    assert deployment in {f"{reconcile.name}/{known['name']}" for known in deployed}
    assert parameter.partition("=")[0] in reconcile.parameters.properties


def test_the_overlays_are_told_of() -> None:
    for folder in [*OVERLAYS, *(f"components/{path.name}" for path in (DEPLOY / "components").iterdir())]:
        assert f"`{Path(folder)}`" in DOCUMENTATION or f"deploy/{folder}" in DOCUMENTATION
