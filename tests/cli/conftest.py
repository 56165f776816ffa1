"""The command as a user runs it: a process of its own, with a store of its own."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from config.settings import Settings
from storage.records.catalogue import Catalogue
from storage.s3.objects import ObjectStore
from tests.cli.zygote import zygote

IMS = [sys.executable, "-c", "import sys; sys.argv[0] = 'ims'; from cli.main import main; main()"]

Ims = Callable[..., subprocess.CompletedProcess[str]]


def clean_environment(**more: str) -> dict[str, str]:
    """Return this process's environment without what configures IMS or Prefect, and with `more`."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("IMS_", "PREFECT_"))}
    return {**ours, **more}


def run_ims(arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, without a terminal."""
    return zygote().run(arguments, environment)


@pytest.fixture
def environment(s3_settings: Settings, store: ObjectStore, tmp_path: Path) -> dict[str, str]:
    """The environment that leads the command to this test's buckets."""
    return clean_environment(
        IMS_DATA_DIR=str(tmp_path / "data"),
        IMS_S3_ENDPOINT_URL=s3_settings.s3.address(),
        IMS_S3_ACCESS_KEY=s3_settings.s3.access_key.get_secret_value(),
        IMS_S3_SECRET_KEY=s3_settings.s3.secret_key.get_secret_value(),
        IMS_BUCKET=s3_settings.bucket,
        IMS_BOOT_IMAGES_BUCKET=s3_settings.boot_images_bucket,
    )


@pytest.fixture
def ims(environment: dict[str, str]) -> Ims:
    """Run the command on this test's buckets, with further variables when they are given."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return run_ims(arguments, environment | variables)

    return run


@pytest.fixture
def catalogue(store: ObjectStore, bucket: str) -> Catalogue:
    """The records that the command sees."""
    return Catalogue(store, bucket)
