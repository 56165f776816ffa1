"""The repositories of a description, adapted to this site: its own are added, and the file of each is completed.

Only the copy of the description in the workspace is changed.
"""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from builder.contract.options import KiwiOptions
from builder.pod.step import StepFailed

_THIS = "this://"
# Beside the description, where no file or link of a recipe can have the same name.
_SCRIPTS = "repository-scripts"
# kiwi calls it with the path of a repository's file that it has just written.
_SCRIPT = """\
{own}exec python3 -m builder.pod.kiwi.repository_file "$1"
"""


def adapt(description: Path, options: KiwiOptions) -> None:
    """Put the site's repositories into a description, and have repository_file.py complete the files kiwi writes.

    Raises:
        StepFailed: The description is not XML.
    """
    trees = dict(_trees(description))
    main = next(iter(trees.values())).getroot()
    if options.replace_repositories:
        for tree in trees.values():
            _remove_repositories(tree.getroot())
    for repository in options.site_repositories:
        main.append(_element(repository))
    scripts = description.parent / _SCRIPTS
    scripts.mkdir()
    elements = [element for tree in trees.values() for element in tree.getroot().iter("repository")]
    for number, element in enumerate(elements):
        _add_script(element, description, scripts / f"{number}.sh")
    for file, tree in trees.items():
        tree.write(file, encoding="utf-8", xml_declaration=True)


def _trees(description: Path) -> "Iterator[tuple[Path, ElementTree.ElementTree[ElementTree.Element]]]":
    """Parse the description and the files it includes; they were checked before they were staged."""
    file = next(file for file in (description / "config.xml", *sorted(description.glob("*.kiwi"))) if file.is_file())
    main = _parse(file)
    yield file, main
    for element in main.getroot().iter("include"):
        included = description / element.get("from", "").removeprefix(_THIS)
        yield included, _parse(included)


def _parse(file: Path) -> "ElementTree.ElementTree[ElementTree.Element]":
    try:
        # Comments of <image> are kept, for readers of a kept workspace.
        builder = ElementTree.TreeBuilder(insert_comments=True)
        return ElementTree.parse(file, ElementTree.XMLParser(target=builder))  # noqa: S314 - validated before
    except ElementTree.ParseError as error:
        raise StepFailed(f"{file.name} is not XML: {error}") from error


def _remove_repositories(root: ElementTree.Element) -> None:
    for parent in list(root.iter()):
        for repository in parent.findall("repository"):
            parent.remove(repository)


def _element(site: dict[str, Any]) -> ElementTree.Element:
    attributes = {
        "type": site["type"],
        "alias": site.get("alias"),
        "priority": site.get("priority"),
        "imageinclude": "true" if site.get("imageinclude") else None,
        "distribution": site.get("distribution"),
        "components": " ".join(site.get("components") or ()),
    }
    said = {name: str(value) for name, value in attributes.items() if value}
    element = ElementTree.Element("repository", said)
    ElementTree.SubElement(element, "source", {"path": site["url"]})
    return element


def _add_script(element: ElementTree.Element, description: Path, script: Path) -> None:
    own = element.get("customize")
    run_own = f'bash --norc {shlex.quote(str(description / own))} "$1" || exit\n' if own else ""
    script.write_text(_SCRIPT.format(own=run_own))
    element.set("customize", str(script))
