"""User metadata survives the way through HTTP headers."""

import pytest

from storage.s3.metadata import from_headers, to_headers
from storage.s3.objects import ObjectStore

VALUES = [
    "plain",
    "",
    "Größe  of two  spaces",
    " edges ",
    "日本語",
    "=?utf-8?q?not_ours?=",
    "a,b;c=d",
    "=?x-none?b?AA==?=",
]


@pytest.mark.parametrize("value", VALUES)
def test_a_value_reads_back_as_it_was_written(store: ObjectStore, bucket: str, value: str) -> None:
    store.write(bucket, "object", b"", metadata={"x-shasta-ims-image-name": value})
    assert store.head(bucket, "object").metadata == {"x-shasta-ims-image-name": value}


def test_plain_words_travel_as_they_are() -> None:
    assert to_headers({"md5sum": "abc"}) == {"md5sum": "abc"}


def test_a_foreign_value_that_cannot_be_decoded_is_shown_as_it_is() -> None:
    assert from_headers({"name": "=?no-such-charset?b?4pyT?="}) == {"name": "=?no-such-charset?b?4pyT?="}
