"""The process, or the processes, that serve the API: `python -m api.server HOST PORT PROCESSES`, as `ims api` does."""

import resource
import socket
import sys
from ipaddress import ip_address
from typing import Any

import uvicorn

from config.api import Api
from config.settings import settings
from errors import BadInput, Conflict, ImsError

# An idle connection costs a file, and one that is used again costs a client nothing.
KEEP_ALIVE_SECONDS = 75
BACKLOG = 2048
APPLICATION = "api.app:application"
# What is answered when the service is stopped: longer than a deletion of usual size takes.
STOP_SECONDS = 30

# As the log of Prefect's servers, which `ims up` reads.
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "%(asctime)s.%(msecs)03d | %(levelname)-7s | %(name)s - %(message)s", "datefmt": "%H:%M:%S"}
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    # Prefect sets the root logger's level, too.
    "loggers": {"api": {"level": "INFO"}},
}


def main() -> None:
    """Serve the API as the arguments say; the last one is the descriptor of a socket that listens already."""
    host, port, processes, *descriptor = sys.argv[1:]
    try:
        serve(host, int(port), int(processes), *map(int, descriptor))
    except ImsError as error:
        sys.exit(f"Error: {error}")


def serve(host: str, port: int, processes: int, descriptor: int | None = None) -> None:
    """Serve the API until this process is stopped.

    Args:
        host: The address to listen on.
        port: The port.
        processes: How many processes share it.
        descriptor: A socket that listens there already; then this process alone serves it.

    Raises:
        BadInput: It would be open to others than this host's users.
    """
    refuse_open(host, settings().api)
    _allow_many_files()
    options = options_of(settings().api)
    if processes > 1:
        _say_where(host, port)
        uvicorn.run(APPLICATION, host=host, port=port, workers=processes, **options)
        return
    listener = _listening(host, port) if descriptor is None else socket.socket(fileno=descriptor)
    _say_where(host, listener.getsockname()[1])
    uvicorn.Server(uvicorn.Config(APPLICATION, **options)).run(sockets=[listener])


def options_of(chosen: Api) -> dict[str, Any]:
    """Return how uvicorn serves the API."""
    return {
        "factory": True,
        "access_log": False,
        "server_header": False,
        "log_config": LOGGING,
        "backlog": BACKLOG,
        # One more is answered 503.
        "limit_concurrency": chosen.connections,
        "timeout_keep_alive": KEEP_ALIVE_SECONDS,
        "timeout_graceful_shutdown": STOP_SECONDS,
    }


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


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise Conflict(
            f"the REST API cannot listen on {host}, port {port}: {error.strerror}",
            resolution="choose another --port or --host",
        ) from error
    # Connections inherit it. asyncio sets it only for sockets that name their protocol, which this one does not.
    # Without it an answer waits 40 ms for the client to acknowledge its header.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _say_where(host: str, port: int) -> None:
    # Prefect keeps uvicorn's own line out of the log.
    sys.stderr.write(f"REST API  http://{f'[{host}]' if ':' in host else host}:{port}/apis/ims\n")
    sys.stderr.flush()


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
