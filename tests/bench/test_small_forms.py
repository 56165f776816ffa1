"""Every benchmark runs in its small form, so that a change that breaks one is seen at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.repository import REPOSITORY

# Those that start no pods.
ALONE = ("api", "api_load", "database", "follow_pods", "moves", "records")
# `orders` runs tests/flows/stories.py, which is the suite's only run of it: one story of six orders.
IN_PODS = ("boots", "create", "customize", "cycles", "flow", "orders", "packaging", "rebuild")
# What benchmarks share.
SHARED = ("__init__", "plain_service", "report", "roots", "samples", "served", "services", "smallest_machine")
LIMIT_SECONDS = 1500

pytestmark = [pytest.mark.slow, pytest.mark.timeout(LIMIT_SECONDS)]


@pytest.mark.parametrize("name", [*ALONE, *(pytest.param(name, marks=pytest.mark.containers) for name in IN_PODS)])
def test_the_small_form_runs(name: str, tmp_path: Path) -> None:
    # The tests' own settings and Prefect's are those of a benchmark's servers.
    variables = {key: value for key, value in os.environ.items() if not key.startswith(("IMS_", "PREFECT_"))}
    ran = subprocess.run(
        [sys.executable, "-m", f"bench.{name}", "--small"],
        cwd=REPOSITORY,
        env={**variables, "IMS_DATA_DIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
    )
    assert ran.returncode == 0, ran.stdout
    assert "| what | measured | wanted |" in ran.stdout


def test_every_benchmark_is_listed() -> None:
    found = {file.stem for file in (REPOSITORY / "bench").glob("*.py")}
    assert found == {*ALONE, *IN_PODS, *SHARED}
