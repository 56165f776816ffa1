"""storage/s3/errors.py: what an S3 client's errors mean."""

import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    IncompleteReadError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
    SSLError,
)
from botocore.parsers import ResponseParserError
from urllib3.exceptions import ProtocolError

from errors import BadInput, Conflict, Denied, ImsError, NotFound, PermanentError, Unreachable
from storage.s3.errors import BucketMissing, ConditionFailed, translating

URI = "s3://b/a/k"


def answer(status: int, code: str, *, retries: int = 0) -> ClientError:
    metadata = {"HTTPStatusCode": status, "RetryAttempts": retries}
    return ClientError({"Error": {"Code": code, "Message": "said"}, "ResponseMetadata": metadata}, "GetObject")  # type: ignore[typeddict-item]


ANSWERS: dict[str, tuple[ClientError, type[ImsError]]] = {
    "an error of the server": (answer(500, "InternalError"), Unreachable),
    "busy": (answer(503, "SlowDown"), Unreachable),
    "too many requests": (answer(429, "x"), Unreachable),
    "another operation": (answer(409, "OperationAborted"), Unreachable),
    "too slow": (answer(400, "RequestTimeout"), Unreachable),
    "no object": (answer(404, "NoSuchKey"), NotFound),
    "no object, to a HEAD": (answer(404, "404"), NotFound),
    "no upload": (answer(404, "NoSuchUpload"), NotFound),
    "no bucket": (answer(404, "NoSuchBucket"), BucketMissing),
    "not known": (answer(401, "InvalidAccessKeyId"), Denied),
    "not allowed": (answer(403, "AccessDenied"), Denied),
    "a wrong clock": (answer(403, "RequestTimeTooSkewed"), Denied),
    "the condition failed": (answer(412, "PreconditionFailed"), ConditionFailed),
    "the condition failed at a second try": (answer(412, "PreconditionFailed", retries=1), Conflict),
    "a conflict": (answer(409, "ConditionalRequestConflict"), Conflict),
    "anything else": (answer(400, "InvalidArgument"), PermanentError),
}
FAILURES: dict[str, tuple[Exception, type[ImsError]]] = {
    "no connection": (EndpointConnectionError(endpoint_url="http://x"), Unreachable),
    "no answer in time": (ReadTimeoutError(endpoint_url="http://x"), Unreachable),
    "broken off": (IncompleteReadError(actual_bytes=1, expected_bytes=2), Unreachable),
    "broken off in urllib3": (ProtocolError("broken"), Unreachable),
    "not S3's answer": (ResponseParserError("html"), Unreachable),
    "a reset of TLS": (SSLError(endpoint_url="https://x", error=OSError("EOF")), Unreachable),
    "an unknown CA": (SSLError(endpoint_url="https://x", error=OSError("CERTIFICATE_VERIFY_FAILED")), PermanentError),
    "not a request": (ParamValidationError(report="bad"), BadInput),
    "no credentials": (NoCredentialsError(), Denied),
}


@pytest.mark.parametrize(("error", "kind"), [*ANSWERS.values(), *FAILURES.values()], ids=[*ANSWERS, *FAILURES])
def test_each_error_has_one_meaning_and_names_its_object(error: Exception, kind: type[ImsError]) -> None:
    with pytest.raises(ImsError) as caught, translating(URI):
        raise error
    assert type(caught.value) is kind
    assert caught.value.__cause__ is error
    assert caught.value.message.startswith("s3://b: " if kind is BucketMissing else f"{URI}: ")


@pytest.mark.parametrize("case", ["no bucket", "not allowed", "a wrong clock"])
def test_what_a_user_can_mend_says_how(case: str) -> None:
    with pytest.raises(ImsError) as caught, translating(URI):
        raise ANSWERS[case][0]
    assert caught.value.resolution


@pytest.mark.parametrize("error", [ValueError("x"), NotFound("x"), KeyboardInterrupt()])
def test_other_errors_pass(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, translating(URI):
        raise error
    assert caught.value is error
