"""Checks the repositories of a description, from which kiwi and the package manager fetch packages."""

import re
from typing import Any
from urllib.parse import urlsplit

from ingest.credentials import shown_address
from ingest.description_xml import Document, Element, refused
from ingest.local_paths import check_recipe_path
from ingest.names import shown
from ingest.selection import Selection

_THIS = "this://"
# kiwi/schema/kiwi.rnc, k.repository.type.attribute.
_TYPES = {"apt-deb", "apt-rpm", "deb-dir", "mirrors", "rpm-dir", "rpm-md"}
_SOURCE_TYPES = {"baseurl", "metalink", "mirrorlist"}
# Schemas up to 7.0 know more types; kiwi/xsl/convert70to71.xsl drops them.
_OBSOLETE_TYPES = {"red-carpet", "slack-site", "up2date-mirrors", "urpmi", "yast2"}
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_ADDRESSES = "repositories are http://…, https://…, or this://FOLDER of the recipe"


def repository(
    document: Document,
    element: Element,
    manager: str,
    folder: str,
    selection: Selection,
    credentials: tuple[str, str],
) -> dict[str, Any]:
    """Return one repository's fields, as `Repository` has them.

    Args:
        document: Where it stands.
        element: The `<repository>`.
        manager: The description's package manager.
        folder: The recipe's folder.
        selection: What the build is made for.
        credentials: Its user name and password, which were taken out of the element.

    Raises:
        BadInput: It has no source, its source is not an address that a recipe may name, or an attribute is not valid.
    """
    username, password = credentials
    return {
        "url": _url(document, element, folder, selection),
        "alias": element.get("alias", ""),
        "type": _type(document, element, manager),
        "source_type": _one_of(document, element, "sourcetype", _SOURCE_TYPES, "baseurl"),
        "distribution": element.get("distribution", ""),
        "components": _components(element, manager),
        "priority": _priority(document, element),
        "imageinclude": _boolean(document, element, "imageinclude"),
        "imageonly": _boolean(document, element, "imageonly"),
        "profiles": [name.strip() for name in element.get("profiles", "").split(",") if name.strip()],
        "left_out": bool(selection.why_left_out(element)),
        "not_asked": selection.why_not_asked(element),
        "username": username,
        "password": password,
        "file": document.file_of(element),
        "line": element.sourceline,
    }


def _url(document: Document, element: Element, folder: str, selection: Selection) -> str:
    sources = element.findall("source")
    url = sources[0].get("path", "") if len(sources) == 1 else ""
    if not url:
        raise refused(document, element, "the repository has no source path", 'add <source path="https://…"/>')
    source = sources[0]
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
        return url
    # Also of one that is for the image alone kiwi translates the address.
    if not _is_web_address(url) and not selection.why_left_out(element):
        raise refused(document, source, f"the repository {shown_address(url)} is not allowed", _ADDRESSES)
    return url


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        # Not an address, for example a port that is not a number or an unmatched bracket.
        return False


def _type(document: Document, element: Element, manager: str) -> str:
    usual = "apt-deb" if manager == "apt" else "rpm-md"
    if element.get("type") in _OBSOLETE_TYPES:
        return usual
    return _one_of(document, element, "type", _TYPES, usual)


def _components(element: Element, manager: str) -> list[str]:
    return element.get("components", "").split() or (["main"] if manager == "apt" else [])


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
