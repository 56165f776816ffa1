"""What a benchmark of flows runs on: an S3 server and a Prefect server of its own."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from config.settings import settings
from errors import Broken
from storage.records.catalogue import catalogue
from storage.s3.objects import object_store
from tests.prefect_server import prefect_server
from tests.s3_server import embedded_s3
from tests.server_logs import unexpected

NOWHERE = "http://127.0.0.1:9/api"


@contextmanager
def services(*, with_prefect: bool = True) -> Iterator[Path]:
    """Run S3 and Prefect, and give a scratch folder.

    Args:
        with_prefect: Run Prefect, too.

    Raises:
        Broken: One of them has logged an error: the figures would be those of a failure.
    """
    with tempfile.TemporaryDirectory() as folder:
        prefect = prefect_server(Path(folder) / "prefect") if with_prefect else nullcontext(NOWHERE)
        with embedded_s3(Path(folder) / "s3") as s3, prefect as api:
            os.environ |= {
                "IMS_DATA_DIR": folder,
                "IMS_S3_ENDPOINT_URL": s3.endpoint_url,
                "IMS_S3_ACCESS_KEY": s3.access_key,
                "IMS_S3_SECRET_KEY": s3.secret_key,
                "PREFECT_API_URL": api,
            }
            # The servers are started by code that has read the settings: they did not name the servers then.
            for cached in (settings, object_store, catalogue):
                cached.cache_clear()
            for bucket in (settings().bucket, settings().boot_images_bucket):
                object_store().ensure_bucket(bucket)
            yield Path(folder)
        if errors := unexpected(()):
            raise Broken("\n".join(errors))
