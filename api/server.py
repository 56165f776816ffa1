"""The process, or the processes, that serve the API: `python -m api.server HOST PORT PROCESSES`, as `ims api` does."""

import logging
import resource
import sys
from ipaddress import ip_address

import uvicorn

from config.api import Api
from config.settings import settings
from errors import BadInput, ImsError

# An idle connection costs a file, and one that is used again costs a client nothing.
KEEP_ALIVE_SECONDS = 75
# What is answered when the service is stopped: longer than a deletion of usual size takes.
STOP_SECONDS = 30

# As the log of Prefect's servers, which `ims up` reads.
LOG = "%(asctime)s.%(msecs)03d | %(levelname)-7s | %(name)s - %(message)s"


def main() -> None:
    """Serve the API as the arguments say."""
    host, port, processes = sys.argv[1:]
    logging.basicConfig(level=logging.INFO, format=LOG, datefmt="%H:%M:%S")
    try:
        serve(host, int(port), int(processes))
    except ImsError as error:
        sys.exit(f"Error: {error}")


def serve(host: str, port: int, processes: int) -> None:
    """Serve the API until this process is stopped.

    Args:
        host: The address to listen on.
        port: The port.
        processes: How many processes share it.

    Raises:
        BadInput: It would be open to others than this host's users.
    """
    refuse_open(host, settings().api)
    _allow_many_files()
    uvicorn.run(
        "api.app:application",
        factory=True,
        host=host,
        port=port,
        workers=processes,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )


def refuse_open(host: str, chosen: Api) -> None:
    """Refuse to listen where others reach the API without a token, unless the settings say so.

    Raises:
        BadInput: They do not.
    """
    if chosen.token.get_secret_value() or chosen.open or _is_loopback(host):
        return
    raise BadInput(
        f"the REST API would listen on {host} without a token: everybody who reaches it could delete every image",
        resolution="set IMS_API_TOKEN, or IMS_API_OPEN=true if only those who may do so reach that address",
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _allow_many_files() -> None:
    """Raise the limit on open files, which connections are, to what the system allows this process."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    main()
