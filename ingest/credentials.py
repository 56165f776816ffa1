"""Credentials in a description: taken out of it, so that what is staged, logged and recorded holds none.

kiwi would put them into command lines, which every process of the host may read, and into the image.
"""

from urllib.parse import unquote, urlsplit, urlunsplit

from ingest.description_xml import Element


def take_credentials(repository: Element) -> tuple[str, str]:
    """Take a repository's user name and password out of its element, attributes and source address alike.

    Returns:
        User name and password, both empty when there are none. An address's own win over the attributes.
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
    return username, password


def without_credentials(address: str) -> str:
    """Return an address without the user name and password in it."""
    try:
        parts = urlsplit(address)
    except ValueError:
        # No address at all, and refused as such later on.
        return address
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _userinfo(address: str) -> str:
    try:
        return urlsplit(address).netloc.rpartition("@")[0]
    except ValueError:
        return ""
