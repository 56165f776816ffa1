"""The hooks before a commit: those that CI runs as well, out of .venv, without a network."""

import shlex

import pytest
import yaml

from tests.repository import REPOSITORY

REPOSITORIES = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text())["repos"]
HOOKS = [hook for repository in REPOSITORIES for hook in repository["hooks"]]


def test_nothing_is_downloaded() -> None:
    assert {repository["repo"] for repository in REPOSITORIES} == {"local"}
    assert {hook["language"] for hook in HOOKS} == {"system"}


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: str(hook["id"]))
def test_a_hook_runs_what_bin_test_runs(hook: dict[str, str]) -> None:
    program, *words = shlex.split(hook["entry"])
    assert program.startswith(".venv/bin/")
    command = " ".join([program.removeprefix(".venv/bin/"), *(word for word in words if word != "--force-exclude")])
    assert command in (REPOSITORY / "bin" / "test").read_text()
