"""Errors in the logs of services that need no action, each with its reason.

An error is listed only when its cause is known and nothing is lost by it. Every other error is fixed at its source.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Harmless:
    """An error that needs no action.

    Args:
        where: Matches the logger, or the file, that it comes from.
        says: Matches within its message and what was raised.
        reason: Why it needs no action.
    """

    where: str
    says: str
    reason: str


HARMLESS = (
    Harmless(
        r"(filechunk_manifest|reader_at)\.go",
        r"volume \d+ not found",
        "The S3 service logs the same error again, with the object's name.",
    ),
    Harmless(
        r"(upload_chunked|s3api_object_handlers_put)\.go",
        r"chunked upload failed: .*(truncated request body|connection reset by peer)",
        "A program ended while it sent an object. SeaweedFS keeps nothing of that.",
    ),
    Harmless(
        r"s3api_object_handlers_multipart\.go",
        r"PutObjectPart: putToFiler failed with error code 102 ",
        "The same error of a part: 102 is SeaweedFS's code for a body that is cut short.",
    ),
    Harmless(
        r"s3api_object_handlers\.go",
        r"(streamFn failed|failed to stream) .*: write tcp \S+: write: (broken pipe|connection reset by peer)",
        "A client closed its connection before it had read the whole object.",
    ),
    Harmless(
        r"reader_at\.go",
        r"fetching chunk .*: context canceled",
        "The same: SeaweedFS had begun to read the next chunk for that client.",
    ),
    Harmless(
        r"filer_multipart\.go",
        r"completeMultipartUpload .* ETag mismatch",
        "SeaweedFS keeps each part that was sent twice, and takes the one whose etag is named; where none has it, the"
        " upload fails, and its job says so.",
    ),
)


def is_harmless(where: str, text: str) -> bool:
    """Tell whether an error needs no action."""
    return any(re.match(known.where, where) and re.search(known.says, text) for known in HARMLESS)
