"""`ims api`: the REST API alone, for the S3 server and the Prefect server that are there."""

import os
import sys
from typing import Annotated

import typer

from config.settings import settings


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; that of IMS_API_HOST when left out.")] = "",
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port; that of IMS_API_PORT when left out.", show_default=False),
    ] = None,
    processes: Annotated[int, typer.Option(min=1, help="How many processes serve it.")] = 1,
) -> None:
    """Serve the REST API of the Image Management Service until it is stopped.

    It has no state but S3: any number of them may run, on any number of hosts.
    """
    from runs.loggers import EXTRA_LOGGERS, extra_loggers
    from runs.server_address import prefect_api_url

    chosen = settings().api
    # Refused here, in the words of a command, and not by the first request.
    settings().s3.address()
    # Before Prefect is imported: the flow runs of this process are that server's, and their logs go there.
    os.environ["PREFECT_API_URL"] = prefect_api_url()
    os.environ[EXTRA_LOGGERS] = extra_loggers(os.environ.get(EXTRA_LOGGERS, ""))
    listen = [host or chosen.host, str(chosen.port if port is None else port), str(processes)]
    command = [sys.executable, "-m", "api.server", *listen]
    os.execv(command[0], command)
