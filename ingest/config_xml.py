"""The program that reads and checks a recipe's description, and writes it as the one document that the pods get.

The rule: every repository and every file path of the description, and of what it includes, is checked here.
"""

import hashlib
import os
import re
from typing import Any

from errors import BadInput
from ingest.command_words import check_command_words
from ingest.counts import check_counts
from ingest.credentials import take_credentials
from ingest.description_file import descriptions
from ingest.description_xml import Document, Element, parse, refused
from ingest.includes import included, resolve
from ingest.limits import Limits
from ingest.local_paths import check_local_paths
from ingest.normalised import write_description, write_source
from ingest.recipe_files import opened, read_text, real_path
from ingest.recipe_scripts import check_scripts
from ingest.repositories import repository

# The oldest and the newest schema that each kiwi reads, by its major version. Each converts older schemas to its own
# (kiwi/xsl/master.xsl, kiwi/schema/kiwi.rnc). Where both read a schema, 9 is asked first: its image always exists.
SCHEMAS = {9: ((1, 4), (7, 5)), 11: ((7, 4), (8, 5))}
_SUPPORTED = "kiwi 9.24 reads 1.4 to 7.5, kiwi 11 reads 7.4 to 8.5"
# kiwi/schema/kiwi.rnc, safe-posix-name. It becomes part of file names.
_NAME = re.compile(r"[a-zA-Z0-9_.-]+")


def run(folder: str, limits: Limits) -> dict[str, Any]:
    """Return the fields of `CheckedDescription`; the credentials are removed from the recipe's files.

    Raises:
        BadInput: There is not exactly one description, or it is refused.
    """
    del limits  # The process is already confined by them.
    with opened(folder) as top:
        names = descriptions(_candidates(folder, top), lambda path: _content(path, folder, top))
        document = parse(_read(names[0], "description", folder, top), names[0])
        version = _schema_version(document)
        kiwis = _kiwis(document, version)
        check_counts(document)
        inner = included(document, lambda path, place: _read(path, place, folder, top))
        credentials = _taken_credentials([document, *inner.values()], folder, top)
        resolve(document, inner)
        check_counts(document)
        check_command_words(document)
        check_local_paths(document, folder)
        warnings = check_scripts(folder, top)
        repositories = [
            repository(document, element, folder, credentials[element]) for element in document.root.iter("repository")
        ]
        if not repositories:
            raise refused(document, document.root, "names no <repository>", "add one")
        write_description(document, names, folder, top)
    return {
        "file": document.file,
        "name": _image_name(document),
        "schema_version": version,
        "kiwis": kiwis,
        "repositories": repositories,
        "profiles": _profiles(document),
        "warnings": warnings,
        **_places(document),
    }


def _candidates(folder: str, top: int) -> list[str]:
    names = os.listdir(top)
    second = "image/config.xml"
    return [*names, second] if os.path.lexists(f"{folder}/{second}") else names


def _content(path: str, folder: str, top: int) -> str:
    """Return what tells two descriptions apart: a digest of their bytes, or the path of what is no file."""
    try:
        return hashlib.sha256(_read(path, path, folder, top)).hexdigest()
    except BadInput:
        return real_path(path, folder)


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


def _kiwis(document: Document, schema_version: str) -> list[int]:
    major, _, minor = schema_version.partition(".")
    version = int(major), int(minor)
    kiwis = [kiwi for kiwi, (oldest, newest) in SCHEMAS.items() if oldest <= version <= newest]
    if not kiwis:
        raise refused(document, document.root, f"schemaversion {schema_version} is not supported", _SUPPORTED)
    return kiwis


def _image_name(document: Document) -> str:
    name = document.root.get("name", "")
    if not _NAME.fullmatch(name):
        raise refused(
            document, document.root, f"the image name {name!r} is not allowed", "use letters, digits, '.', '_' and '-'"
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


def _places(document: Document) -> dict[str, Any]:
    """Return where each element of the normalised description comes from."""
    files = list(dict.fromkeys([document.file, *document.included.values()]))
    numbers = {file: number for number, file in enumerate(files)}
    places = [(0, document.root.sourceline)]
    for top in document.root.iterchildren("*"):
        number = numbers[document.file_of(top)]
        places += [(number, element.sourceline) for element in top.iter("*")]
    return {"files": files, "places": places}


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
