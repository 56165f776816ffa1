"""The recipe's folder as the pods get it: one description, `config.xml`, in UTF-8.

The rule: no file that the description is made of holds credentials, and none but `config.xml` is one for kiwi.
"""

import os
from collections.abc import Iterable
from contextlib import suppress

from lxml import etree

from ingest.description_file import FIRST
from ingest.description_xml import Document
from ingest.recipe_files import read_text, real_path, replace_text


def write_source(document: Document, folder: str, top: int) -> None:
    """Write one of the files that the description is made of again, after its credentials were taken out."""
    path = real_path(document.file, folder)
    _, mode = read_text(path, top, document.file)
    replace_text(path, _text(document), mode, top)


def write_description(document: Document, names: Iterable[str], folder: str, top: int) -> None:
    """Write the description as `config.xml`, and remove its other names.

    Args:
        document: The description, with all that it includes.
        names: All names that it has in the recipe.
        folder: The recipe's folder.
        top: The same, opened.
    """
    _, mode = read_text(real_path(document.file, folder), top, document.file)
    for name in names:
        # Two of them may be the same in a folder with two names.
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=top)
    replace_text(FIRST, _text(document), mode, top)


def _text(document: Document) -> bytes:
    return etree.tostring(document.root.getroottree(), xml_declaration=True, encoding="UTF-8")
