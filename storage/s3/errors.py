"""What an S3 client's errors mean: translated once, here, into the project's own error tree."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own name
    HTTPClientError,
    NoCredentialsError,
    ParamValidationError,
    SSLError,
)
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from errors import BadInput, Conflict, Denied, ImsError, NotFound, PermanentError, Unreachable

HTTP_BAD_REQUEST = 400
HTTP_NOT_FOUND = 404
HTTP_CONFLICT = 409
HTTP_PRECONDITION_FAILED = 412
HTTP_TOO_MANY_REQUESTS = 429
HTTP_SERVER_ERROR = 500

# Answers of the 4xx range that mean "not now", not "never".
PASSING_CODES = frozenset({"OperationAborted", "RequestTimeout", "SlowDown", "Throttling", "TooManyRequests"})
DENIED_STATUSES = frozenset({401, 403})


class BucketMissing(NotFound):
    """The bucket itself is not there: never the same as an object that is not there."""


class ConditionFailed(Conflict):
    """The condition of the one and only request did not hold: for certain nothing was written."""


@contextmanager
def translating(uri: str) -> Iterator[None]:
    """Turn what an S3 call raises into this project's errors.

    Args:
        uri: `s3://bucket/key`, or `s3://bucket`, that the call is about; every message names it.
    """
    try:
        yield
    except ClientError as error:
        raise _answered(error, uri) from error
    except (BotoCoreError, ResponseParserError, HTTPError) as error:
        raise _unanswered(error, uri) from error


def _answered(error: ClientError, uri: str) -> ImsError:
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    code = error.response.get("Error", {}).get("Code", "")
    said = f"{status} {code}: {error.response.get('Error', {}).get('Message', '')}"
    if status >= HTTP_SERVER_ERROR or status == HTTP_TOO_MANY_REQUESTS or code in PASSING_CODES:
        return Unreachable(f"{uri}: the S3 server cannot answer now ({said})")
    if status == HTTP_NOT_FOUND:
        return _missing(code, uri)
    if status in DENIED_STATUSES:
        return _denied(code, said, uri)
    if status in {HTTP_PRECONDITION_FAILED, HTTP_CONFLICT}:
        # The client's own second try is refused when its first one went through and only the answer was lost.
        certain = status == HTTP_PRECONDITION_FAILED and not error.response["ResponseMetadata"].get("RetryAttempts")
        kind = ConditionFailed if certain else Conflict
        return kind(f"{uri}: it was written in between, or is there already ({said})")
    return PermanentError(f"{uri}: the S3 server refused the request ({said})")


def _missing(code: str, uri: str) -> ImsError:
    if code == "NoSuchBucket":
        bucket = uri.removeprefix("s3://").partition("/")[0]
        return BucketMissing(
            f"s3://{bucket}: no such bucket",
            resolution="create it, or correct IMS_BUCKET or IMS_BOOT_IMAGES_BUCKET (`ims up` creates both)",
        )
    if code == "NoSuchUpload":
        return NotFound(f"{uri}: the multipart upload is gone: it was completed or aborted")
    return NotFound(f"{uri}: no such object")


def _denied(code: str, said: str, uri: str) -> ImsError:
    if code == "RequestTimeTooSkewed":
        return Denied(f"{uri}: the S3 server refused us ({said})", resolution="set this host's clock")
    return Denied(
        f"{uri}: the S3 server refused us ({said})",
        resolution="check IMS_S3_ACCESS_KEY and IMS_S3_SECRET_KEY, and that this user may read and write the bucket",
    )


def _unanswered(error: BotoCoreError | ResponseParserError | HTTPError, uri: str) -> ImsError:
    if isinstance(error, SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return PermanentError(
            f"{uri}: the S3 server's certificate is not trusted ({error})",
            resolution="name the file of its CA in AWS_CA_BUNDLE",
        )
    if isinstance(error, ConnectionError | HTTPClientError | ResponseParserError | HTTPError):
        return Unreachable(f"{uri}: no answer from the S3 server ({error})")
    if isinstance(error, ParamValidationError):
        return BadInput(f"{uri}: not a valid request ({error})")
    if isinstance(error, NoCredentialsError):
        return Denied(f"{uri}: no S3 credentials", resolution="set IMS_S3_ACCESS_KEY and IMS_S3_SECRET_KEY")
    # A stream that broke off (IncompleteReadError, ResponseStreamingError, ReadTimeoutError) is the network's doing.
    return Unreachable(f"{uri}: the S3 call broke off ({error})")
