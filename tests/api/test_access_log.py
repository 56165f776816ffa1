"""api/access_log.py: a line of JSON for each request, which nothing that a client sends can break."""

import json
import logging
from collections.abc import Iterator

import httpx
import pytest

from tests.api.stored import assert_problem

LOGGER = "api.access_log"


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """The lines that are written."""
    written: list[str] = []
    with caplog.at_level(logging.INFO, LOGGER):
        handler = logging.Handler()
        handler.emit = lambda record: written.append(record.getMessage())  # type: ignore[method-assign]
        logging.getLogger(LOGGER).addHandler(handler)
        yield written
        logging.getLogger(LOGGER).removeHandler(handler)


def test_each_request_is_a_line(api_address: str, lines: list[str]) -> None:
    with httpx.Client(base_url=api_address, trust_env=False) as client:
        answer = client.get("/v3/healthz/live?token=x", headers={"X-Request-ID": "mine"})
        assert_problem(client.get("/nothing/%0A%1B[31m%E2%80%AE", headers={"X-Request-ID": "a b"}), 404)
        # A line is written after the answer: that of the last request may still be missing.
        client.get("/v3/healthz/live")
    alive, missing = map(json.loads, lines[:2])
    assert alive.pop("time") < missing["time"]
    assert alive.pop("ms") > 0
    assert alive == {
        "request_id": "mine",
        "client": "127.0.0.1",
        "caller": "",
        "method": "GET",
        "path": "/v3/healthz/live",
        "status": 200,
        "sent_bytes": len(answer.content),
    }
    assert (missing["path"], missing["status"]) == ("/nothing/\n\x1b[31m\u202e", 404)
    assert missing["request_id"] != "a b"
    assert all(line.isascii() and line.isprintable() for line in lines)
