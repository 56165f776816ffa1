"""Checks the repositories of a description, from which kiwi and the package manager fetch packages."""

import re
from typing import Any
from urllib.parse import urlsplit

from errors import BadInput
from ingest.credentials import shown_address
from ingest.description_xml import Document, Element, refused
from ingest.local_paths import check_recipe_path
from ingest.names import shown

_THIS = "this://"
# kiwi/schema/kiwi.rnc, k.repository.type.attribute.
_TYPES = {"apt-deb", "apt-rpm", "deb-dir", "mirrors", "rpm-dir", "rpm-md"}
_SOURCE_TYPES = {"baseurl", "metalink", "mirrorlist"}
# Schemas up to 7.0 know more types; kiwi/xsl/convert70to71.xsl drops them.
_OBSOLETE_TYPES = {"red-carpet", "slack-site", "up2date-mirrors", "urpmi", "yast2"}
# More than web servers take.
_LONGEST_ADDRESS = 4096
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_ADDRESSES = "repositories are http://…, https://…, or this://FOLDER of the recipe"


def repository(document: Document, element: Element, folder: str, credentials: tuple[str, str]) -> dict[str, Any]:
    """Return one repository as `NamedRepository` has it.

    Args:
        document: Where it stands.
        element: The `<repository>`.
        folder: The recipe's folder.
        credentials: Its user name and password, which were taken out of the element.

    Raises:
        BadInput: It has no source, or an attribute is not valid.
    """
    url, problem = _url(document, element, folder)
    username, password = credentials
    fields = {
        "url": url,
        "alias": element.get("alias", ""),
        "type": _type(document, element),
        "source_type": _one_of(document, element, "sourcetype", _SOURCE_TYPES, "baseurl"),
        "distribution": element.get("distribution", ""),
        "components": element.get("components", "").split(),
        "priority": _priority(document, element),
        "imageinclude": _boolean(document, element, "imageinclude"),
        "imageonly": _boolean(document, element, "imageonly"),
        "profiles": [name.strip() for name in element.get("profiles", "").split(",") if name.strip()],
        "username": username,
        "password": password,
        "file": document.file_of(element),
        "line": element.sourceline,
    }
    return {"fields": fields, "problem": problem and {"message": problem.message, "resolution": problem.resolution}}


def _url(document: Document, element: Element, folder: str) -> tuple[str, BadInput | None]:
    """Return the source's address, and why it must not be read from; kiwi alone knows whether it would be."""
    sources = element.findall("source")
    url = sources[0].get("path", "") if len(sources) == 1 else ""
    if not url:
        raise refused(document, element, "the repository has no source path", 'add <source path="https://…"/>')
    source = sources[0]
    if len(url) > _LONGEST_ADDRESS:
        raise refused(document, source, f"the repository's address has {len(url)} characters", _ADDRESSES)
    if "{{" in url or "}}" in url:
        raise refused(
            document,
            source,
            f"the repository {shown_address(url)} holds a template variable: the file was not rendered",
            f"list {document.file_of(element)} in .ims_recipe_template.yaml",
        )
    if not url.isprintable() or " " in url:
        raise refused(document, source, f"the repository {shown_address(url)} holds blanks", _ADDRESSES)
    if url.startswith(_THIS):
        check_recipe_path(document, source, "path", url.removeprefix(_THIS), folder)
    elif not _is_web_address(url):
        problem = refused(document, source, f"the repository {shown_address(url)} is not allowed", _ADDRESSES)
        if "@" in url:
            # It may hold a password, which cannot be told from the rest: it must not stay in the description.
            raise problem
        return url, problem
    return url, None


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        # Programs disagree on what a backslash means: the server that one checks is not the one that another asks.
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0 and "\\" not in url
    except ValueError:
        # Not an address, for example a port that is not a number or an unmatched bracket.
        return False


def _type(document: Document, element: Element) -> str:
    """Return the type, empty when the package manager says it."""
    if element.get("type") in {None, *_OBSOLETE_TYPES}:
        return ""
    return _one_of(document, element, "type", _TYPES, "")


def _one_of(document: Document, element: Element, attribute: str, known: set[str], usual: str) -> str:
    value = element.get(attribute, usual)
    if value not in known:
        raise refused(
            document,
            element,
            f"the repository's {attribute} is {shown(value)}",
            f"use one of {', '.join(sorted(known))}",
        )
    return value


def _boolean(document: Document, element: Element, attribute: str) -> bool:
    value = _BOOLEANS.get(element.get(attribute, "false").strip())
    if value is None:
        raise refused(document, element, f"the repository's {attribute} is neither true nor false", "write one")
    return value


def _priority(document: Document, element: Element) -> int | None:
    value = element.get("priority")
    if value is None:
        return None
    if not re.fullmatch(r"[+-]?\d{1,9}", value.strip(), re.ASCII):
        raise refused(document, element, f"the repository's priority {shown(value)} is not a number", "correct it")
    return int(value)
