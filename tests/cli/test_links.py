"""cli/links.py."""

import pytest

from cli.links import link_of
from errors import BadInput


def test_the_words_of_cray_ims_make_a_link() -> None:
    assert link_of("s3://ims/r.tgz", "0123", "s3") == {"path": "s3://ims/r.tgz", "etag": "0123", "type": "s3"}
    assert link_of("", "", "s3") is None


def test_an_etag_of_nothing_is_refused() -> None:
    with pytest.raises(BadInput, match="--link-etag is given without --link-path"):
        link_of("", "0123", "s3")
