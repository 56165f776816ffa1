"""Removes credentials from a description, so that contexts, logs and records hold none.

kiwi would put them into command lines, which every process of the host can read, and into the image.
"""

import re
from urllib.parse import unquote, urlsplit, urlunsplit

from ingest.description_xml import Document, Element, refused
from ingest.names import shown

# To the last @: a password may hold the characters that end a server's name, / and #.
_BEFORE_SERVER = re.compile(r"(?<=//).*@", re.DOTALL)


def take_credentials(document: Document, repository: Element) -> tuple[str, str]:
    """Take a repository's user name and password out of its element, attributes and source address alike.

    Returns:
        User name and password, both empty when there are none. Those of the address count before the attributes.

    Raises:
        BadInput: They hold characters that would begin another line in the files that package managers read.
    """
    username, password = repository.get("username", ""), repository.get("password", "")
    for attribute in ("username", "password"):
        repository.attrib.pop(attribute, "")
    for source in repository.iterfind("source"):
        address = source.get("path", "")
        user, _, secret = _userinfo(address).partition(":")
        if user or secret:
            username, password = unquote(user), unquote(secret)
        if "@" in address:
            source.set("path", without_credentials(address))
    # unquote() writes U+FFFD for bytes that are not UTF-8.
    if ":" in username or "\ufffd" in username + password or not (username + password).isprintable():
        raise refused(
            document,
            repository,
            "the repository's user name or password holds control characters, or its user name a colon",
            "correct it, or give the credentials in the site file (IMS_SITE_FILE)",
        )
    return username, password


def shown_address(address: str) -> str:
    """Return an address for a message: quoted, and without anything that may be a password, also if it is malformed."""
    return shown(_BEFORE_SERVER.sub("***@", address))


def without_credentials(address: str) -> str:
    """Return an address without the user name and password in it."""
    try:
        parts = urlsplit(address)
    except ValueError:
        # Not an address: `repository` refuses it later.
        return address
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _userinfo(address: str) -> str:
    try:
        return urlsplit(address).netloc.rpartition("@")[0]
    except ValueError:
        return ""
