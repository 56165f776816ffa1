"""storage/s3/object_info.py: what S3's answers say of an object."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from storage.s3.metadata import to_headers
from storage.s3.object_info import info_of

ANSWER: dict[str, Any] = {
    "ContentLength": 3,
    "ETag": '"abc-2"',
    "Metadata": to_headers({"name": "näme", "plain": "x"}),
    "ContentType": "text/plain",
    "LastModified": datetime(2026, 1, 1, tzinfo=UTC),
}


def test_an_answer_is_read_without_quotes_and_encoded_words() -> None:
    info = info_of("b", "a/k", ANSWER)
    assert (info.bucket, info.key, info.size, info.etag, info.content_type) == ("b", "a/k", 3, "abc-2", "text/plain")
    assert info.metadata == {"name": "näme", "plain": "x"}
    assert info.modified == ANSWER["LastModified"]
    assert info.uri == "s3://b/a/k"


def test_an_etag_without_quotes_stays() -> None:
    assert info_of("b", "k", {**ANSWER, "ETag": "abc"}).etag == "abc"


def test_the_same_object_written_later_is_equal() -> None:
    info = info_of("b", "k", ANSWER)
    assert replace(info, modified=datetime(2027, 1, 1, tzinfo=UTC)) == info
    assert replace(info, etag="other") != info
