"""storage/s3/addresses.py: how objects are named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.s3.addresses import split_uri, uri_of

ADDRESSES = {("b", ""): "s3://b", ("b", "k"): "s3://b/k", ("b", "a/ b/"): "s3://b/a/ b/", ("b", "/k"): "s3://b//k"}


@pytest.mark.parametrize(("parts", "uri"), ADDRESSES.items())
def test_an_object_and_a_bucket_have_an_address(parts: tuple[str, str], uri: str) -> None:
    assert uri_of(*parts) == uri
    assert split_uri(uri) == parts


@given(st.from_regex(r"[a-z0-9.-]{1,20}", fullmatch=True), st.text(max_size=20))
def test_any_key_comes_back(bucket: str, key: str) -> None:
    assert split_uri(uri_of(bucket, key)) == (bucket, key)
