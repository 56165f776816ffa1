"""Connections to web servers that users name: the address is judged when the connection is made, and time is limited.

The rule: whatever way an address is written, by whatever redirect or name it is reached, no request is sent to an
address that is not allowed, and no answer takes longer than its limit.
"""

import socket
import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

from builder.contract.addresses import not_read, refused_kind
from errors import BadInput

# A mirror's redirector needs one or two.
MOST_REDIRECTS = 5


def web_client(trusted: ssl.SSLContext, *, seconds: float, private: bool) -> httpx.Client:
    """Return a client that checks each connection, also those of redirects. It knows no proxies: neither do the pods.

    Args:
        trusted: The authorities that servers' certificates are checked against.
        seconds: Limit on one connection, from its beginning to its end.
        private: Whether addresses of this host and of private networks are allowed.

    Returns:
        A client whose requests also raise BadInput: a server's address is not allowed.
    """
    transport = httpx.HTTPTransport()
    # httpx has no option for it; its transport does what else is needed, such as naming errors.
    transport._pool = httpcore.ConnectionPool(  # noqa: SLF001
        ssl_context=trusted,
        # Each answer has a connection of its own: the limit is the connection's.
        max_keepalive_connections=0,
        network_backend=CheckedConnections(seconds, private=private),
    )
    return httpx.Client(transport=transport, timeout=seconds, follow_redirects=True, max_redirects=MOST_REDIRECTS)


class CheckedConnections(httpcore.SyncBackend):
    """Makes connections to allowed addresses alone."""

    def __init__(self, seconds: float, *, private: bool) -> None:
        """Keep what is allowed: see web_client."""
        self._seconds = seconds
        self._private = private

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first of a host's addresses that answers.

        Raises:
            BadInput: One of its addresses is not allowed.
            httpcore.ConnectError: It has no address, or none of them answers.
        """
        ends_at = time.monotonic() + self._seconds
        addresses = _addresses(host, port)
        for address in addresses:
            if kind := refused_kind(address, private=self._private):
                raise _not_allowed(host, address, kind)
        for address in addresses[:-1]:
            try:
                return _Limited(super().connect_tcp(address, port, timeout, local_address, socket_options), ends_at)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        last = super().connect_tcp(addresses[-1], port, timeout, local_address, socket_options)
        return _Limited(last, ends_at)


class _Limited(httpcore.NetworkStream):
    """A connection that ends at a time, however slowly the server sends."""

    def __init__(self, stream: httpcore.NetworkStream, ends_at: float) -> None:
        self._stream = stream
        self._ends_at = ends_at

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left(httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left(httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._left(httpcore.ConnectTimeout)
        return _Limited(self._stream.start_tls(ssl_context, server_hostname, left), self._ends_at)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def _left(self, too_late: type[Exception]) -> float:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise too_late
        return left


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"the name {host} has no address: {error}") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _not_allowed(host: str, address: str, kind: str) -> BadInput:
    where = f"{host} is" if host == address else f"{host} has the address {address}, which is"
    return BadInput(
        f"{where} {kind}: {not_read(address)}",
        resolution="correct the repository's address, or what its server redirects to",
    )
