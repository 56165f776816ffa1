"""User metadata of objects: HTTP headers carry ASCII only, names of images may hold anything printable."""

import base64
from collections.abc import Mapping
from email.errors import HeaderParseError
from email.header import decode_header, make_header


def to_headers(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return `metadata` as it travels: values that are no plain ASCII words as RFC 2047 encoded words.

    S3 itself answers such values in that form (Amazon S3 User Guide, "Working with object metadata").
    """
    return {name: value if _is_plain(value) else _encoded(value) for name, value in metadata.items()}


def from_headers(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return `metadata` as it was meant: the opposite of `to_headers`."""
    return {name: _decoded(value) if value.startswith("=?") else value for name, value in metadata.items()}


def _is_plain(value: str) -> bool:
    # Signatures fold runs of spaces, and not every server folds the same way; SeaweedFS drops empty values.
    words = " ".join(value.split())
    return bool(value) and value.isascii() and value.isprintable() and value == words and not value.startswith("=?")


def _encoded(value: str) -> str:
    return f"=?utf-8?b?{base64.b64encode(value.encode()).decode()}?="


def _decoded(value: str) -> str:
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, UnicodeDecodeError):
        # The object of another program: shown as it is.
        return value
