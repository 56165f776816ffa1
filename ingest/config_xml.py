"""The program that reads and checks a recipe's description, as the kiwi that reads its schema interprets it.

The rule: every repository and every file path of the description, and of what it includes, is checked here.
"""

import os
import re
from typing import Any

from lxml import etree

from ingest.description_file import sole_description
from ingest.description_xml import Document, Element, parse, refused
from ingest.limits import Limits
from ingest.local_paths import check_local_paths
from ingest.recipe_files import inner_path, opened, read_text, replace_text
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
_THIS = "this://"


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
        file = sole_description(_candidates(folder, top))
        document = parse(read_text(file, top, "description")[0], file)
        version = _schema_version(document)
        kiwi = _kiwi(document, version)
        documents = [document, *_included(document, top)]
        manager = _package_manager(documents)
        for each in documents:
            check_local_paths(each, folder)
        selection = Selection(applying_profiles(documents, profiles, arch), arch, replaced)
        repositories = _repositories(documents, manager, folder, selection)
        _write_without_credentials(documents, repositories, top)
    return {
        "file": file,
        "name": _image_name(document),
        "schema_version": version,
        "kiwi": kiwi,
        "package_manager": manager,
        "repositories": repositories,
        "profiles": _profiles(documents),
        "applying_profiles": selection.profiles,
    }


def _candidates(folder: str, top: int) -> list[str]:
    names = os.listdir(top)
    second = "image/config.xml"
    return [*names, second] if os.path.lexists(f"{folder}/{second}") else names


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


def _included(document: Document, top: int) -> list[Document]:
    """Parse the files that `<include from="this://…"/>` names; kiwi replaces the element by their content."""
    included = []
    for element in document.root.iter("include"):
        source = element.get("from", "")
        if not source.startswith(_THIS) or not source.endswith((".xml", ".kiwi")):
            raise refused(
                document,
                element,
                f"the include of {source!r} is not allowed",
                f"include files of the recipe only: {_THIS}NAME.xml",
            )
        place = f"{document.file}, line {element.sourceline}"
        path = inner_path(source.removeprefix(_THIS), place)
        inner = parse(read_text(path, top, place)[0], path)
        for nested in inner.root.iter("include"):
            # kiwi copies included content as it is (kiwi/xsl/include.xsl): an include in it would be lost.
            raise refused(inner, nested, "an included file includes another", "include it in the description itself")
        included.append(inner)
    return included


def _package_manager(documents: list[Document]) -> str:
    found: list[tuple[bool, str]] = []
    for document in documents:
        for section in document.root.iter("preferences"):
            for element in section.iter("packagemanager"):
                name = _manager_name(document, element)
                found.append((section.get("profiles") is not None, name))
    if not found:
        document = documents[0]
        raise refused(
            document,
            document.root,
            "no <packagemanager> in <preferences>",
            f"name one of {', '.join(sorted(_MANAGERS))}",
        )
    # A section without profiles applies to every build; of several sections the first counts.
    return min(found, key=lambda entry: entry[0])[1]


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


def _repositories(documents: list[Document], manager: str, folder: str, selection: Selection) -> list[dict[str, Any]]:
    found = [
        repository(document, element, manager, folder, selection)
        for document in documents
        for element in document.root.iter("repository")
    ]
    if not found:
        raise refused(documents[0], documents[0].root, "names no <repository>", "add one")
    return found


def _write_without_credentials(documents: list[Document], repositories: list[dict[str, Any]], top: int) -> None:
    """Write the files again that held credentials: `repository` has removed them from the elements."""
    named = {each["file"] for each in repositories if each["username"] or each["password"]}
    for document in documents:
        if document.file in named:
            _, mode = read_text(document.file, top, "description")
            text = etree.tostring(document.root.getroottree(), xml_declaration=True, encoding="UTF-8")
            replace_text(document.file, text, mode, top)


def _profiles(documents: list[Document]) -> list[str]:
    names = []
    for document in documents:
        for element in document.root.iterfind("profiles/profile"):
            name = element.get("name", "")
            # kiwi copies the folder of a profile's name over the image's root.
            if not _NAME.fullmatch(name) or name in {".", ".."}:
                raise refused(
                    document, element, f"the profile name {name!r} is not allowed", "use letters, digits, '.', '_', '-'"
                )
            names.append(name)
    return names
