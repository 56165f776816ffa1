"""flows/deployments.py and prefect.yaml: each flow is deployed under its name, and leaves its error when it fails."""

from importlib import import_module

import pytest
import yaml
from prefect import Flow

from flows import deployments
from flows.hooks import write_error
from tests.repository import REPOSITORY

DEPLOYED = yaml.safe_load((REPOSITORY / "prefect.yaml").read_text())["deployments"]


def flow_of(entrypoint: str) -> Flow[..., object]:
    module, _, name = entrypoint.rpartition(".")
    found: Flow[..., object] = getattr(import_module(module), name)
    return found


def test_the_deployments_that_commands_start_are_deployed() -> None:
    known = {f"{flow_of(each['entrypoint']).name}/{each['name']}" for each in DEPLOYED}
    started = {value for name, value in vars(deployments).items() if name.isupper()}
    assert started <= known


@pytest.mark.parametrize("entrypoint", [each["entrypoint"] for each in DEPLOYED])
def test_each_flow_leaves_its_error_when_it_fails(entrypoint: str) -> None:
    assert write_error in flow_of(entrypoint).on_failure_hooks
