"""cli/api.py: `ims api` serves the API until it is stopped."""

import os
import re
import signal
import subprocess
from contextlib import suppress

import httpx
import pytest

from tests.cli.conftest import IMS

WITHOUT_PREFECT = "http://127.0.0.1:9/api"


@pytest.mark.slow
def test_it_serves_what_is_stored(environment: dict[str, str]) -> None:
    env = environment | {"PREFECT_API_URL": WITHOUT_PREFECT}
    command = [*IMS, "api", "--port", "0", "--processes", "2"]
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            found = (re.search(r"http://127\.0\.0\.1:\d+", line) for line in process.stderr)
            address = next(each[0] for each in found if each)
            assert httpx.get(f"{address}/apis/ims/v3/images", trust_env=False, timeout=60).json() == []
            # Each by a connection of its own, which either process takes; any of them has the counts of both.
            for _ in range(9):
                httpx.get(f"{address}/version", trust_env=False)
            counted = [httpx.get(f"{address}/metrics", trust_env=False).text for _ in range(3)]
            answered = [re.findall(r'requests_total{method="GET",status="200"} (.*)', text) for text in counted]
            assert answered == [["10.0"], ["11.0"], ["12.0"]]
        finally:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGTERM)
        assert process.wait(30) in {0, -signal.SIGTERM}


def test_it_is_not_open_to_everybody_by_mistake(environment: dict[str, str]) -> None:
    env = environment | {"PREFECT_API_URL": WITHOUT_PREFECT}
    command = [*IMS, "api", "--host", "0.0.0.0", "--port", "0"]
    refused = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 1
    assert "would listen on 0.0.0.0 without a token" in refused.stderr


def test_without_a_prefect_server_it_says_what_to_do(environment: dict[str, str]) -> None:
    refused = subprocess.run([*IMS, "api"], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (refused.returncode, "no Prefect server is configured" in refused.stderr) == (2, True)
