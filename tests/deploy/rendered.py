"""What kustomize makes of the base and of each overlay."""

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.repository import REPOSITORY

Manifest = dict[str, Any]

DEPLOY = REPOSITORY / "deploy"
OVERLAYS = ["base", *sorted(f"overlays/{folder.name}" for folder in (DEPLOY / "overlays").iterdir())]
WORKLOADS = ("Deployment", "StatefulSet", "CronJob")


@cache
def rendered(folder: str) -> list[Manifest]:
    """Return the manifests that `kubectl kustomize` prints for a folder of deploy/."""
    return kustomized(DEPLOY / folder)


def kustomized(folder: Path) -> list[Manifest]:
    """Return the manifests that `kubectl kustomize` prints for a folder."""
    kubectl = Path(sys.executable).with_name("kubectl")
    ran = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, check=False, timeout=60)
    # kustomize warns of what a later release will refuse.
    assert (ran.returncode, ran.stderr) == (0, "")
    return list(yaml.safe_load_all(ran.stdout))


def of_kind(folder: str, *kinds: str) -> list[Manifest]:
    return [manifest for manifest in rendered(folder) if manifest["kind"] in kinds]


def named(folder: str, kind: str, name: str) -> Manifest:
    [found] = [known for known in of_kind(folder, kind) if known["metadata"]["name"] == name]
    return found


def pod_template(workload: Manifest) -> Manifest:
    """Return the pod that a workload makes."""
    spec = workload["spec"]["jobTemplate"]["spec"] if workload["kind"] == "CronJob" else workload["spec"]
    template: Manifest = spec["template"]
    return template


def settings_of(folder: str) -> dict[str, str]:
    """Return the data of the generated ConfigMap."""
    [settings] = of_kind(folder, "ConfigMap")
    data: dict[str, str] = settings["data"]
    return data
