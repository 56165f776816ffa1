"""storage/s3/object_info.py: what S3's answers say of an object."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from storage.s3.metadata import to_headers
from storage.s3.object_info import info_of, is_md5

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


def test_only_an_etag_of_one_piece_has_the_form_of_an_md5() -> None:
    assert is_md5("d41d8cd98f00b204e9800998ecf8427e")
    assert not any(map(is_md5, ["", "d41d8cd98f00b204e9800998ecf8427e-2", "D41D8CD98F00B204E9800998ECF8427E", "abc"]))
