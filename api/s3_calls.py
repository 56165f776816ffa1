"""Counts the calls of S3 that this process makes, and how often they are tried again."""

from typing import Any

from botocore.awsrequest import AWSRequest

from api.metrics import count_call, count_retry
from storage.s3.client import on_event
from storage.s3.conditional_reads import on_answer

_FAILED = 500


def count_calls() -> None:
    """Count the calls of the clients that are made from now on."""
    on_event("request-created.s3", _tried)
    on_event("after-call.s3", _answered)
    on_event("after-call-error.s3", _unanswered)
    on_answer(_read)


def _tried(request: AWSRequest, operation_name: str, **_: Any) -> None:
    if request.context.get("retries", {}).get("attempt", 1) > 1:
        count_retry(operation_name)


def _answered(model: Any, http_response: Any, **_: Any) -> None:
    # 304 and 412 answer a condition, and 404 whether an object is there.
    count_call(model.name, failed=http_response.status_code >= _FAILED)


def _read(status: int) -> None:
    count_call("GetObject", failed=status >= _FAILED)


def _unanswered(event_name: str, **_: Any) -> None:
    count_call(event_name.rpartition(".")[2], failed=True)
