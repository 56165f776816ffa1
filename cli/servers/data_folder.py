"""The data folder of a running `ims up`: its lock, and the file with the addresses of its services."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import BaseModel, ValidationError

from config.settings import ENDPOINTS
from errors import Broken, Conflict
from storage.embedded.state import write_private

LOCK = "up.lock"


class Endpoints(BaseModel):
    """How the services of an `ims up` are reached; config/settings.py reads the same file."""

    s3_endpoint_url: str
    s3_access_key: str
    s3_secret_key: str
    prefect_api_url: str
    # The REST API's, to which its clients add a version.
    api_url: str = ""
    # Whether `ims up` runs the S3 server, too, and its log is in the data folder.
    s3_is_embedded: bool = False

    @property
    def prefect_ui_url(self) -> str:
        """Address of Prefect's web interface."""
        return self.prefect_api_url.removesuffix("/api")


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Lock the data folder while the block runs.

    The lock ends with this process, also when it is killed. The endpoints that a killed `ims up` has left are removed.

    Raises:
        Conflict: Another `ims up` holds it.
        Broken: The folder cannot be made or written.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (folder / LOCK).open("a")
    except OSError as error:
        raise Broken(f"the data folder {folder} cannot be used: {error}", resolution="set IMS_DATA_DIR") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _taken(folder) from error
        withdraw(folder)
        try:
            yield
        finally:
            withdraw(folder)


def publish(folder: Path, endpoints: Endpoints) -> None:
    """Write the endpoints, readable by their owner alone: they hold the S3 secret key."""
    write_private(folder / ENDPOINTS, endpoints.model_dump_json(indent=2))


def withdraw(folder: Path) -> None:
    """Remove the endpoints."""
    (folder / ENDPOINTS).unlink(missing_ok=True)


def published(folder: Path) -> Endpoints | None:
    """Return the endpoints of the `ims up` that is ready on this data folder, if one is."""
    with suppress(FileNotFoundError, ValidationError):
        return Endpoints.model_validate_json((folder / ENDPOINTS).read_bytes())
    return None


def _taken(folder: Path) -> Conflict:
    known = published(folder)
    state = f"Prefect {known.prefect_ui_url}, S3 {known.s3_endpoint_url}" if known else "still starting, or stopping"
    return Conflict(
        f"an `ims up` is running already on {folder} ({state})",
        resolution="use that one, stop it with Ctrl-C where it runs, or set IMS_DATA_DIR to another folder",
    )
