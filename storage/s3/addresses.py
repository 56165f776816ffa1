"""The addresses of objects, `s3://bucket/key`, as records and messages spell them."""


def uri_of(bucket: str, key: str = "") -> str:
    """Return `s3://bucket/key`, the way links and messages name an object."""
    return f"s3://{bucket}/{key}" if key else f"s3://{bucket}"


def split_uri(uri: str) -> tuple[str, str]:
    """Return the bucket and the key that an address names."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key
