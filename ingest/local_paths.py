"""Checks the file paths in a description: none may lead out of the recipe, or out of the image.

kiwi reads these files on the build host, outside the image's root (kiwi/system/setup.py, kiwi/system/prepare.py).
"""

import re
from pathlib import Path

from lxml import etree

from errors import BadInput
from ingest.description_xml import Document, Element, refused
from ingest.names import shown
from ingest.recipe_files import inner_path

# Attributes with a path relative to the recipe's folder, which kiwi would also accept as absolute.
_RECIPE_PATHS = {
    "archive": ("name",),
    "certificate": ("name",),
    "repository": ("customize",),
    "type": ("boot", "editbootconfig", "editbootinstall", "integrity_keyfile", "metadata_path"),
    "bootloader": ("grub_template",),
    "vagrantconfig": ("embedded_vagrantfile",),
}
# Attributes with an address, for which kiwi would also accept a local file.
_REMOTE = {"signing": ("key",), "type": ("derived_from",)}
# Public keys in the builder image, for example those of Debian's archive.
_KEYRING = re.compile(r"file:///usr/share/keyrings/[A-Za-z0-9][A-Za-z0-9._-]*")


def check_local_paths(document: Document, folder: str) -> None:
    """Check every attribute that names a file, or an address that may be one.

    Args:
        document: The description, or a file that it includes.
        folder: The recipe's folder.

    Raises:
        BadInput: A path is absolute, or leads out of the recipe, also through a link, or an address is a local file.
    """
    for element in document.root.iter(etree.Element):
        for attribute in _RECIPE_PATHS.get(element.tag, ()):
            check_recipe_path(document, element, attribute, element.get(attribute), folder)
        for attribute in _REMOTE.get(element.tag, ()):
            _check_remote(document, element, attribute)
    _check_files(document, folder)
    for element in document.root.iter("archive"):
        _check_target(document, element, "target_dir", element.get("target_dir", ""))
    for element in document.root.iter("type"):
        if element.get("luks", "").startswith("file:"):
            raise refused(document, element, "luks names a local file", "remove it: an image root does not use it")


def check_recipe_path(document: Document, element: Element, attribute: str, value: str | None, folder: str) -> None:
    """Refuse a path that does not lead into the recipe, with links followed.

    Raises:
        BadInput: It is absolute, leads up, or leads out through a link.
    """
    if not value:
        return
    place = f"{document.place(element)}: {element.tag} {attribute}"
    path = inner_path(value.strip(), place)
    top = Path(folder).resolve()
    try:
        inside = (top / path).resolve().is_relative_to(top)
    except (OSError, RuntimeError) as error:
        # RuntimeError: links in circles; OSError: a folder that cannot be read.
        raise BadInput(f"{place}: the path {shown(path)} leads to nothing", resolution="correct it") from error
    if not inside:
        raise BadInput(
            f"{place}: the path {shown(path)} leads out of the recipe through a link",
            resolution="name another file",
        )


def _check_files(document: Document, folder: str) -> None:
    """Check the files that newer schemas put into the image; those in <strip> name files of the image."""
    for element in document.root.iterfind("packages//file"):
        check_recipe_path(document, element, "name", element.get("name"), folder)
        # For kiwi it is relative to the image's root, with or without a leading slash.
        _check_target(document, element, "target", element.get("target", "").strip().lstrip("/"))


def _check_target(document: Document, element: Element, attribute: str, target: str) -> None:
    """Refuse a path relative to the image's root that leaves it: kiwi joins both without a check."""
    if target:
        inner_path(target.strip(), f"{document.place(element)}: {element.tag} {attribute}")


def _check_remote(document: Document, element: Element, attribute: str) -> None:
    value = (element.get(attribute) or "").strip()
    if element.tag == "signing" and _KEYRING.fullmatch(value):
        return
    if value and not value.startswith(("http://", "https://")):
        raise refused(
            document,
            element,
            f"{element.tag} {attribute} is {shown(value)}, not an http(s) address",
            "use one",
        )
