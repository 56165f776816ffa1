"""runs/loggers.py: the lines of all packages of ours reach a flow run's log, and of no other library."""

import logging
import tomllib

import pytest

from runs.loggers import PACKAGES, extra_loggers, is_ours
from tests.repository import REPOSITORY

# The command, the API, and what builds the worker's image: they run outside of flow runs.
OUTSIDE = {"api", "cli", "deploy"}


def test_each_package_that_flows_are_made_of_is_named() -> None:
    known = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
    assert set(PACKAGES) == set(known) - OUTSIDE


@pytest.mark.parametrize("name", ["tasks.jobs", "pods.kubernetes.start", "builder", "storage.records.store"])
def test_a_module_of_ours_is_ours(name: str) -> None:
    assert is_ours(name)


@pytest.mark.parametrize("name", ["prefect.flow_runs", "kubernetes.client", "podsman.x", "boto3", "root", ""])
def test_a_logger_of_a_library_is_not(name: str) -> None:
    assert not is_ours(name)


def test_loggers_that_an_operator_has_named_are_kept() -> None:
    assert extra_loggers("botocore, pods") == "botocore,pods,config,storage,ingest,builder,runs,tasks,flows"
    assert extra_loggers().split(",") == list(PACKAGES)


def test_flows_log_their_progress() -> None:
    import flows

    assert flows.__doc__
    assert {logging.getLogger(package).level for package in PACKAGES} == {logging.INFO}
