"""The servers of a repository's file: what their names lead to, right before the package manager asks them.

It does not see where a server redirects to, nor what a name leads to a moment later: a network policy does.
"""

import re
import socket
from urllib.parse import urlsplit

from builder.contract.addresses import refused_kind

_ADDRESS = re.compile(r"https?://\S+")


def refused_server(text: str, *, private: bool) -> str:
    """Return why a repository must not be asked; empty when it may be, or when the name of its server has no address.

    Args:
        text: The repository's file, as kiwi has written it for a package manager.
        private: Whether addresses of this host and of private networks are allowed.
    """
    for url in _ADDRESS.findall(text):
        host = _host(url)
        for address in _addresses(host):
            if kind := refused_kind(address, private=private):
                return f"the repository's server {host} is at {address}, {kind}: no repository is read from there"
    return ""


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _addresses(host: str) -> set[str]:
    try:
        return {str(address[0]) for *_, address in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        return set()
