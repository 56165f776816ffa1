"""The S3 server that tests run on: the embedded one, or the one that IMS_TEST_S3_… names."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from pydantic import AnyHttpUrl, SecretStr

from config.groups import S3
from storage.embedded.server import EmbeddedS3
from storage.s3.objects import ObjectStore
from storage.s3.uploads import abort_upload, unfinished_uploads
from tests.server_logs import SEAWEEDFS, watch

# The settings' own names, with TEST in them: what tests write to is never named by accident.
ENDPOINT_URL, ACCESS_KEY, SECRET_KEY = (f"IMS_TEST_S3_{name}" for name in ("ENDPOINT_URL", "ACCESS_KEY", "SECRET_KEY"))


@dataclass(frozen=True)
class S3Server:
    """An S3 server's address, and the keys of a user who may make buckets."""

    endpoint_url: str
    access_key: str
    secret_key: str

    @property
    def test_environment(self) -> dict[str, str]:
        """The variables by which tests are told of it."""
        return {ENDPOINT_URL: self.endpoint_url, ACCESS_KEY: self.access_key, SECRET_KEY: self.secret_key}

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which the project finds it."""
        return {name.replace("_TEST", ""): value for name, value in self.test_environment.items()}

    def s3(self, **others: Any) -> S3:
        """Return settings that name it, and whatever else is given."""
        keys = {"access_key": SecretStr(self.access_key), "secret_key": SecretStr(self.secret_key)}
        return S3(**{"endpoint_url": AnyHttpUrl(self.endpoint_url), **keys, **others})


def named_server() -> S3Server | None:
    """Return the server that the environment names; None when it names none."""
    if ENDPOINT_URL not in os.environ:
        return None
    return S3Server(*(os.environ[name] for name in (ENDPOINT_URL, ACCESS_KEY, SECRET_KEY)))


@contextmanager
def embedded_server(folder: Path) -> Iterator[S3Server]:
    """Run the embedded server in a folder."""
    with embedded_s3(folder) as embedded:
        yield S3Server(embedded.endpoint_url, embedded.access_key, embedded.secret_key)


@contextmanager
def embedded_s3(folder: Path) -> Iterator[EmbeddedS3]:
    """Run the embedded server in a folder, and have its log read."""
    with EmbeddedS3(folder) as embedded:
        watch(embedded.log_file, SEAWEEDFS)
        yield embedded


def remove_bucket(store: ObjectStore, bucket: str) -> None:
    """Remove a bucket with all that is in it, which SeaweedFS does at once and other servers refuse."""
    try:
        store.client.delete_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "BucketNotEmpty":
            raise
        _empty(store, bucket)
        store.client.delete_bucket(Bucket=bucket)


def _empty(store: ObjectStore, bucket: str) -> None:
    for upload in unfinished_uploads(store, bucket, ""):
        abort_upload(store, upload)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: store.delete(bucket, key), store.keys(bucket, "")))
