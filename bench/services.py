"""What a benchmark of flows runs on: an S3 server and a Prefect server of its own."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect.settings import PREFECT_API_URL
from prefect.testing.utilities import prefect_test_harness

from storage.objects import object_store
from storage.server import EmbeddedS3
from storage.settings import settings


@contextmanager
def services() -> Iterator[Path]:
    """Run S3 and Prefect, and give a scratch folder."""
    os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedS3(Path(folder) / "s3") as s3,
        prefect_test_harness(server_startup_timeout=120),
    ):
        os.environ |= {
            "IMS_DATA_DIR": folder,
            "IMS_S3_ENDPOINT_URL": s3.endpoint_url,
            "IMS_S3_ACCESS_KEY": s3.access_key,
            "IMS_S3_SECRET_KEY": s3.secret_key,
            "PREFECT_API_URL": PREFECT_API_URL.value(),
        }
        for bucket in (settings().ims_bucket, settings().boot_images_bucket):
            object_store().ensure_bucket(bucket)
        yield Path(folder)
