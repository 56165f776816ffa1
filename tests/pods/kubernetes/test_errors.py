import json

import pytest

from errors import BadInput, Conflict, Denied, ImsError, NotFound, Untrusted, may_retry
from pods.kubernetes.errors import Busy, Expired, answer_error, connection_error

STATUS = json.dumps({"kind": "Status", "message": "because"}).encode()


@pytest.mark.parametrize(
    ("status", "kind", "again"),
    [
        (400, BadInput, False),
        (401, Denied, False),
        (403, Denied, False),
        (404, NotFound, False),
        (409, Conflict, False),
        (410, Expired, True),
        (422, BadInput, False),
        (429, Busy, True),
        (500, Busy, True),
        (503, Busy, True),
    ],
)
def test_only_what_may_pass_is_tried_again(status: int, kind: type[ImsError], again: bool) -> None:
    error = answer_error(status, STATUS, {}, "GET pods")
    assert type(error) is kind
    assert may_retry(error) is again
    assert "because" in error.message
    assert "GET pods" in error.message


@pytest.mark.parametrize(
    ("body", "says"),
    [
        pytest.param(b"", "HTTP status 502", id="nothing"),
        pytest.param(b"<html>Bad Gateway", "Bad Gateway", id="a proxy's page"),
        pytest.param(b"[1]", "[1]", id="no Status"),
    ],
)
def test_an_answer_of_another_server_is_shown_as_well(body: bytes, says: str) -> None:
    assert says in answer_error(502, body, {}, "GET pods").message


@pytest.mark.parametrize(
    ("value", "pause"), [("2", 2.0), ("86400", 30.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0), ("", 0.0)]
)
def test_a_server_gets_the_pause_it_asks_for_within_reason(value: str, pause: float) -> None:
    error = answer_error(429, STATUS, {"Retry-After": value}, "GET pods")
    assert isinstance(error, Busy)
    assert error.pause == pause


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ('pods "x" is forbidden: violates PodSecurity "restricted:latest": privileged', "enforce=privileged"),
        ('pods "x" is forbidden: exceeded quota: compute', "quota"),
        ('pods is forbidden: User "worker" cannot list resource', "service account"),
        ("Unauthorized", "renew its credentials"),
        ('pods "x" is forbidden: pod rejected: RuntimeClass "kata" not found', "IMS_KUBERNETES_"),
    ],
)
def test_a_refusal_says_which_right_is_missing(reason: str, advice: str) -> None:
    error = answer_error(403, json.dumps({"message": reason}).encode(), {}, "POST pods")
    assert advice in error.resolution


def test_a_certificate_that_is_not_trusted_is_no_fault_that_may_pass() -> None:
    error = connection_error(OSError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate"), "GET pods")
    assert isinstance(error, Untrusted)
