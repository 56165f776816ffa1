"""A Prefect server for tests and benchmarks: started as `ims up` starts its own, with its own database and log."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.settings import PREFECT_API_URL, temporary_settings

from cli.servers import prefect_processes
from cli.servers.data_folder import Endpoints
from tests.prefect_database import put_database
from tests.server_logs import PREFECT, watch

GRACE = timedelta(seconds=10)


@contextmanager
def prefect_server(folder: Path, **variables: str) -> Iterator[str]:
    """Run a server in a folder, and give its API's address, which this process uses meanwhile.

    Args:
        folder: Where its database and its log lie.
        variables: More of its environment.
    """
    put_database(folder / "prefect")
    address = prefect_processes.api_url(_free_port())
    none = Endpoints(s3_endpoint_url="http://127.0.0.1:9", s3_access_key="", s3_secret_key="", prefect_api_url=address)
    env = prefect_processes.environment(folder, none) | {"PREFECT_SERVER_UI_ENABLED": "false"} | variables
    server = prefect_processes.server(env, folder)
    server.start()
    try:
        watch(server.log, PREFECT)
        prefect_processes.await_server(server)
        with temporary_settings({PREFECT_API_URL: address}):
            yield address
            # What this process has still to tell the server.
            APILogWorker.drain_all()
            EventsWorker.drain_all()
    finally:
        server.stop(GRACE)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((prefect_processes.LOOPBACK, 0))
        return int(probe.getsockname()[1])
