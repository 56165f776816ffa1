"""The program that reads and checks a recipe's description, and writes it as the one document that the pods get.

The rule: every repository and every file path of the description, and of what it includes, is checked here.
"""

import os
import re
from typing import Any

from ingest.credentials import take_credentials
from ingest.description_file import descriptions
from ingest.description_xml import Document, Element, parse, refused
from ingest.includes import included, resolve
from ingest.limits import Limits
from ingest.local_paths import check_local_paths
from ingest.normalised import real_path, write_description, write_source
from ingest.recipe_files import opened, read_text
from ingest.repositories import repository
from ingest.selection import Selection, applying_profiles

# The oldest and the newest schema that each kiwi reads, by its major version. Each converts older schemas to its own
# (kiwi/xsl/master.xsl, kiwi/schema/kiwi.rnc): 9.24.56 reads 1.4 to 7.5, 11.1.6 reads 7.4 to 8.5. Where both read a
# schema, 9 is used: its builder image always exists.
SCHEMAS = {9: ((1, 4), (7, 5)), 11: ((7, 6), (8, 5))}
_SUPPORTED = "kiwi 9.24 reads 1.4 to 7.5, kiwi 11 reads 7.6 to 8.5"
# kiwi/schema/kiwi.rnc, safe-posix-name. It becomes part of file names.
_NAME = re.compile(r"[a-zA-Z0-9_.-]+")
_MANAGERS = {"apt", "dnf", "microdnf", "zypper"}
# kiwi/xsl/convert73to74.xsl renames the older ones; newer schemas say dnf4 for dnf.
_OTHER_NAMES = {"apt-get": "apt", "yum": "dnf", "dnf4": "dnf"}
# kiwi/defaults.py, where the description names none.
_USUAL_MANAGER = "dnf"


def run(folder: str, profiles: list[str], arch: str, replaced: bool, limits: Limits) -> dict[str, Any]:
    """Return the description's fields, as `Description` has them; the credentials are removed from its files.

    Args:
        folder: The recipe's folder.
        profiles: The profiles that the job asks for; none: those that the description imports.
        arch: The architecture that is built.
        replaced: Whether the site's repositories replace the description's own.
        limits: This process's.

    Raises:
        BadInput: There is not exactly one description, or it is refused.
    """
    del limits  # The process is already confined by them.
    with opened(folder) as top:
        names = descriptions(_candidates(folder, top), lambda path: real_path(path, folder))
        document = parse(_read(names[0], "description", folder, top), names[0])
        version = _schema_version(document)
        kiwi = _kiwi(document, version)
        inner = included(document, lambda path, place: _read(path, place, folder, top))
        credentials = _taken_credentials([document, *inner.values()], folder, top)
        resolve(document, inner)
        manager = _package_manager(document)
        check_local_paths(document, folder)
        selection = Selection(applying_profiles(document, profiles, arch), arch, replaced)
        repositories = _repositories(document, manager, folder, selection, credentials)
        write_description(document, names, folder, top)
    return {
        "file": document.file,
        "name": _image_name(document),
        "schema_version": version,
        "kiwi": kiwi,
        "package_manager": manager,
        "repositories": repositories,
        "profiles": _profiles(document),
        "applying_profiles": selection.profiles,
    }


def _candidates(folder: str, top: int) -> list[str]:
    names = os.listdir(top)
    second = "image/config.xml"
    return [*names, second] if os.path.lexists(f"{folder}/{second}") else names


def _read(path: str, place: str, folder: str, top: int) -> bytes:
    """Read a file of the recipe, also through links inside it."""
    return read_text(real_path(path, folder), top, place)[0]


def _schema_version(document: Document) -> str:
    text = document.root.get("schemaversion")
    if text is None:
        raise refused(document, document.root, "<image> has no schemaversion", f"add it: {_SUPPORTED}")
    if not re.fullmatch(r"\d\.\d", text, re.ASCII):
        raise refused(document, document.root, f"schemaversion {text!r} is not a schema version", _SUPPORTED)
    return text


def _kiwi(document: Document, schema_version: str) -> int:
    major, _, minor = schema_version.partition(".")
    for kiwi, (oldest, newest) in SCHEMAS.items():
        if oldest <= (int(major), int(minor)) <= newest:
            return kiwi
    raise refused(document, document.root, f"schemaversion {schema_version} is not supported", _SUPPORTED)


def _image_name(document: Document) -> str:
    name = document.root.get("name", "")
    if not _NAME.fullmatch(name):
        raise refused(
            document, document.root, f"the image name {name!r} is not allowed", "use letters, digits, '.', '_' and '-'"
        )
    return name


def _package_manager(document: Document) -> str:
    found: list[tuple[bool, str]] = []
    for section in document.root.iter("preferences"):
        for element in section.iter("packagemanager"):
            name = _manager_name(document, element)
            found.append((section.get("profiles") is not None, name))
    # A section without profiles applies to every build; of several sections the first counts.
    return min(found, key=lambda entry: entry[0])[1] if found else _USUAL_MANAGER


def _manager_name(document: Document, element: Element) -> str:
    text = (element.text or "").strip()
    name = _OTHER_NAMES.get(text, text)
    if name not in _MANAGERS:
        raise refused(
            document,
            element,
            f"the package manager {text!r} is not supported",
            f"name one of {', '.join(sorted(_MANAGERS))}",
        )
    return name


def _taken_credentials(documents: list[Document], folder: str, top: int) -> dict[Element, tuple[str, str]]:
    """Take the credentials out of the elements, and out of the files that held them."""
    taken: dict[Element, tuple[str, str]] = {}
    for document in documents:
        own = {element: take_credentials(document, element) for element in document.root.iter("repository")}
        if any(user or password for user, password in own.values()):
            write_source(document, folder, top)
        taken |= own
    return taken


def _repositories(
    document: Document, manager: str, folder: str, selection: Selection, credentials: dict[Element, tuple[str, str]]
) -> list[dict[str, Any]]:
    found = [
        repository(document, element, manager, folder, selection, credentials[element])
        for element in document.root.iter("repository")
    ]
    if not found:
        raise refused(document, document.root, "names no <repository>", "add one")
    return found


def _profiles(document: Document) -> list[str]:
    names = []
    for element in document.root.iterfind("profiles/profile"):
        name = element.get("name", "")
        # kiwi copies the folder of a profile's name over the image's root.
        if not _NAME.fullmatch(name) or name in {".", ".."}:
            raise refused(
                document, element, f"the profile name {name!r} is not allowed", "use letters, digits, '.', '_', '-'"
            )
        names.append(name)
    return names
