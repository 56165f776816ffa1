"""The manifests of deploy/: what the API server would refuse, and what it would take and nobody wants."""

import copy
import json
import re
import shutil
import textwrap
from collections.abc import Iterator
from pathlib import Path

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml
from typer.testing import CliRunner

from cli.main import app
from cli.servers.prefect_processes import database_url
from config.quantities import millicores, storage_bytes
from config.settings import Settings
from config.variables import variables_of
from flows.reconcile import reconcile
from tests.deploy.rendered import (
    DEPLOY,
    OVERLAYS,
    WORKLOADS,
    Manifest,
    kustomized,
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
    broken = copy.deepcopy(named("base", "StatefulSet", "ims-worker"))
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
    # The address of a file holds no password.
    names = {entry["name"] for entry in literal if not entry["value"].startswith("sqlite+")} | set(settings_of(folder))
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
    assert set(told) <= {variable.name for variable in variables_of(Settings)}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    chosen = Settings()
    assert chosen.pods.runtime == "kubernetes"
    [role] = [known for known in of_kind(folder, "Role") if known["metadata"]["name"] == "ims-worker"]
    assert role["metadata"]["namespace"] == chosen.kubernetes.namespace
    labels = named(folder, "Namespace", chosen.kubernetes.namespace)["metadata"]["labels"]
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
        assert set(container["resources"]["requests"]) == {"cpu", "memory", "ephemeral-storage"}
        assert "memory" in container["resources"]["limits"]
        if spec.get("restartPolicy") == "Never":
            # It starts something, and ends.
            continue
        ports = {port["name"] for port in container["ports"]}
        for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
            asked = container[kind].get("httpGet", {}).get("port")
            assert asked in ports or "exec" in container[kind], f"{container['name']}: {kind}"


@every_overlay
def test_nothing_beside_the_builds_asks_for_as_much_as_a_build(folder: str) -> None:
    build = millicores(Settings().resources.build_cpu_request)
    for _, container in containers(folder):
        assert millicores(container["resources"]["requests"]["cpu"]) <= build / 2, container["name"]


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


@pytest.mark.parametrize(("folder", "has_plugin"), [("overlays/prefect", True), ("overlays/postgresql", False)])
def test_requests_at_the_same_time_are_not_refused_by_sqlite_and_postgresql_is_told_nothing_of_it(
    folder: str, has_plugin: bool
) -> None:
    [container] = pod_template(named(folder, "Deployment", "prefect-server"))["spec"]["containers"]
    told = {entry["name"]: entry.get("value") for entry in container["env"]}
    url = database_url(Path("/var/lib/ims/prefect"))
    assert told.get("PREFECT_SERVER_DATABASE_CONNECTION_URL") == (url if has_plugin else None)
    assert ("PREFECT_SERVER_DATABASE_HOST" in told) is not has_plugin


def test_the_worker_is_started_by_a_command_that_there_is() -> None:
    [container] = pod_template(named("base", "StatefulSet", "ims-worker"))["spec"]["containers"]
    program, *arguments = container["args"]
    assert program == "ims"
    ran = CliRunner().invoke(app, [*arguments, "--help"])
    assert ran.exit_code == 0, ran.output
    assert arguments[arguments.index("--health-port") + 1] == str(container["ports"][0]["containerPort"])


def test_every_worker_has_a_name_of_its_own_that_stays() -> None:
    """By it it takes up its runs: a set has each name once, and gives a new pod the name of the one before."""
    workers = named("base", "StatefulSet", "ims-worker")
    [container] = pod_template(workers)["spec"]["containers"]
    assert container["args"][container["args"].index("--name") + 1] == "$(POD_NAME)"
    assert container["env"] == [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
    # The kind asks for a service without an address.
    assert named("base", "Service", workers["spec"]["serviceName"])["spec"]["clusterIP"] == "None"


@pytest.mark.parametrize(
    ("folder", "file", "line"),
    [
        ("base", "base/worker/stateful-set.yaml", "  replicas: 1"),
        ("overlays/example", "overlays/example/kustomization.yaml", "  - {name: ims-worker, count: 1}"),
    ],
)
def test_a_second_worker_is_one_line(tmp_path: Path, folder: str, file: str, line: str) -> None:
    copied = shutil.copytree(DEPLOY, tmp_path / "deploy")
    lines = (copied / file).read_text().splitlines()
    assert lines.count(line) == 1
    lines[lines.index(line)] = line.replace("1", "2")
    (copied / file).write_text("\n".join(lines))
    changed = [
        (before, after)
        for before, after in zip(rendered(folder), kustomized(copied / folder), strict=True)
        if before != after
    ]
    [(before, after)] = changed
    assert before["metadata"]["name"] == "ims-worker"
    assert before | {"spec": before["spec"] | {"replicas": 2}} == after


@every_overlay
def test_workspaces_in_a_folder_of_a_node_are_all_on_the_same_node(folder: str) -> None:
    told = settings_of(folder)
    if "IMS_KUBERNETES_HOST_PATH" not in told:
        return
    [(label, value)] = json.loads(told["IMS_KUBERNETES_NODE_SELECTOR"]).items()
    assert f"kubectl label node NODE {label}={value}" in DOCUMENTATION


def test_the_namespace_of_the_secrets_is_made_of_the_file_that_is_applied_again() -> None:
    """One that `kubectl create` has made lacks what `apply` looks for, which then warns."""
    assert "create namespace" not in DOCUMENTATION
    [file] = re.findall(r"kubectl apply --filename (deploy/\S+)", DOCUMENTATION)
    assert yaml.safe_load((DEPLOY.parent / file).read_text()) == named("base", "Namespace", "ims")


def examples() -> dict[str, Manifest]:
    """Return the manifests that the documentation shows, by their kinds."""
    blocks = re.findall(r"^( *)```yaml\n(.*?)^ *```", DOCUMENTATION, re.DOTALL | re.MULTILINE)
    return {known["kind"]: known for _, block in blocks for known in yaml.safe_load_all(textwrap.dedent(block))}


def test_what_a_site_writes_by_the_documentation_is_rendered(tmp_path: Path) -> None:
    copied = shutil.copytree(DEPLOY, tmp_path / "deploy")
    site = copied / "overlays/my-site"
    site.mkdir()
    (site / "kustomization.yaml").write_text(yaml.safe_dump(examples()["Kustomization"]))
    made = kustomized(site)
    [settings] = [known["data"] for known in made if known["kind"] == "ConfigMap"]
    assert {"IMS_S3_ENDPOINT_URL", "IMS_KUBERNETES_HOST_PATH", "IMS_KUBERNETES_NODE_SELECTOR"} <= set(settings)
    [worker] = [known for known in made if known["kind"] == "StatefulSet"]
    [container] = pod_template(worker)["spec"]["containers"]
    assert container["image"] == "localhost/ims-worker:0123456789ab"


@pytest.mark.parametrize("version", VERSIONS)
def test_the_documentations_manifests_are_what_their_kinds_may_be(version: str) -> None:
    shown = examples()
    assert set(shown) == {"Kustomization", "ResourceQuota", "LimitRange"}
    for kind in ("ResourceQuota", "LimitRange"):
        manifest = shown[kind]
        kubernetes_validate.validate(manifest, version, strict=True)


def test_a_pod_of_a_build_fits_the_documentations_quota_and_limits() -> None:
    chosen = Settings()
    asked = {
        "cpu": millicores(chosen.resources.build_cpu_request),
        "ephemeral-storage": storage_bytes(chosen.resources.pod_storage_request),
    }
    limits = {"ephemeral-storage": storage_bytes(chosen.resources.pod_storage_limit)}
    read = {"cpu": millicores, "ephemeral-storage": storage_bytes, "memory": storage_bytes}
    [bounds] = examples()["LimitRange"]["spec"]["limits"]
    # A default limit would hold every build back, whatever is idle.
    assert "cpu" not in bounds.get("default", {}) | bounds.get("max", {})
    for name, value in bounds["min"].items():
        assert name not in asked or read[name](value) <= asked[name]
    for name, value in bounds["max"].items():
        assert name not in limits or read[name](value) >= limits[name]
    # A quota on limits refuses pods without: those of processors have none by default.
    hard = examples()["ResourceQuota"]["spec"]["hard"]
    assert {f"requests.{name}" for name in read} <= set(hard)
    assert "limits.cpu" not in hard


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
