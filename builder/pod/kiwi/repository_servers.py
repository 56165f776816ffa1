"""The servers of a repository's file: what their names lead to, right before the package manager asks them.

It does not see where a server redirects to, nor what a name leads to a moment later: for that the pod's
network is closed (closed_networks.py).
"""

import re
import socket
from urllib.parse import unquote

from builder.contract.addresses import not_read, refused_kind

# Up to the user's name and password, the server, and its port. curl, by which dnf and zypper read, takes none to three
# slashes, and schemes in any case.
_SERVER = re.compile(r"\b(?:https?|t?ftps?|sftp|scp|smbs?|cifs|nfs4?):/{0,3}([^\s/?#]+)", re.IGNORECASE)
_HOST = re.compile(r"\[([^\]%]+)[^\]]*\]|([^:]*)")


def refused_server(text: str, *, private: bool, of: str = "repository") -> str:
    """Return why a repository must not be asked; empty when it may be, or when the name of its server has no address.

    Args:
        text: The repository's file, as kiwi has written it for a package manager.
        private: Whether addresses of this host and of private networks are allowed.
        of: What the text is of, for the message.
    """
    for server in _SERVER.findall(text):
        host = _host(server)
        for address in sorted(_addresses(host)):
            if kind := refused_kind(address, private=private):
                where = "" if host == address else f" at {address},"
                return f"the {of}'s server {host} is{where} {kind}: {not_read(address)}"
    return ""


def _host(server: str) -> str:
    """Return the host as curl finds it: after the last @, without port and zone; curl decodes names, too."""
    found = _HOST.match(server.rpartition("@")[2])
    return found[1] or unquote(found[2] or "") if found else ""


def _addresses(host: str) -> set[str]:
    try:
        return {str(address[0]) for *_, address in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        return set()
