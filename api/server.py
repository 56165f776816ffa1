"""The process, or the processes, that serve the API: `python -m api.server HOST PORT PROCESSES`, as `ims api` does."""

import os
import resource
import socket
import sys
from contextlib import ExitStack
from ipaddress import ip_address
from tempfile import TemporaryDirectory

import uvicorn
from uvicorn.supervisors import Multiprocess

from api import open_listener, tls
from api.tokens import TokenCheck
from api.uvicorn_options import BACKLOG, options_of, tls_options_of
from config.api import Api, Tokens
from config.settings import settings
from errors import BadInput, Conflict, ImsError

APPLICATION = "api.app:application"
# `prometheus_client` of each process reads this variable (metrics.py).
COUNTS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


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
        descriptor: A socket that listens there already.

    Raises:
        BadInput: It would be open to others than this host's users, or a file of the settings cannot be used.
        Conflict: Another program listens there.
    """
    chosen = settings().api
    refuse_open(host, chosen, settings().tokens)
    refuse_unusable(chosen, settings().tokens)
    _allow_many_files()
    listener = _listening(host, port) if descriptor is None else socket.socket(fileno=descriptor)
    _say_where(chosen, host, listener.getsockname()[1])
    config = uvicorn.Config(APPLICATION, workers=processes, **options_of(chosen), **tls_options_of(chosen))
    with ExitStack() as stack:
        if processes > 1:
            # Each counts by itself, and any of them is asked for the counts of all.
            os.environ[COUNTS_FOLDER] = stack.enter_context(TemporaryDirectory(prefix="ims-api-counts-"))
            Multiprocess(config, sockets=[listener]).run()
        else:
            uvicorn.Server(config).run(sockets=[listener])


def refuse_unusable(chosen: Api, tokens: Tokens) -> None:
    """Refuse to start with settings that no request could be served by.

    Raises:
        BadInput: A file cannot be read, or is not what it should be.
        Conflict: Another program listens at the address of the second listener.
    """
    tls.context_of(chosen)
    if tokens.are_taken:
        TokenCheck(tokens)
    open_listener.refuse_taken(chosen)


def refuse_open(host: str, chosen: Api, tokens: Tokens) -> None:
    """Refuse to listen where others reach the API without a token, unless the settings say so.

    Raises:
        BadInput: They do not.
    """
    if chosen.token.get_secret_value() or tokens.are_taken or chosen.open or _is_loopback(host):
        return
    raise BadInput(
        f"the REST API would listen on {host} without a token: everybody who reaches it could delete every image",
        resolution="set IMS_API_TOKEN or IMS_API_JWT_JWKS_URL, or IMS_API_OPEN=true if only those who may do so reach "
        "that address",
    )


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise Conflict(
            f"the REST API cannot listen on {host}, port {port}: {os.strerror(error.errno or 0)}",
            resolution="choose another --port or --host",
        ) from error
    # Connections inherit it. asyncio sets it only for sockets that name their protocol, which this one does not.
    # Without it an answer waits 40 ms for the client to acknowledge its header.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _say_where(chosen: Api, host: str, port: int) -> None:
    # Prefect keeps uvicorn's own line out of the log.
    scheme = "https" if chosen.tls_certificate else "http"
    sys.stderr.write(f"REST API  {scheme}://{_in_url(host)}:{port}/apis/ims\n")
    if chosen.open_port:
        sys.stderr.write(
            f"REST API  http://{_in_url(chosen.open_host)}:{chosen.open_port}/apis/ims, "
            f"where no token is asked for (role: {chosen.open_role})\n"
        )
    sys.stderr.flush()


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


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
