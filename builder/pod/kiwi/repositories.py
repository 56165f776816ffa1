"""The repositories of a description, adapted to this site: its own are added, and the file of each is completed.

Only the copy of the description in the workspace is changed.
"""

import os
import shlex
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from builder.contract.inputs import ServersInput
from builder.contract.options import KiwiOptions
from builder.pod.kiwi.repository_servers import refused_server
from builder.pod.step import StepFailed

# Beside the description, where no file or link of a recipe can have the same name.
_SCRIPTS = "repository-scripts"
# kiwi calls it with the path of a repository's file that it has just written.
_SCRIPT = """\
{own}exec python3 -m builder.pod.kiwi.repository_file "$1"
"""


def adapt(description: Path, options: KiwiOptions) -> None:
    """Put the site's repositories into a description, and have repository_file.py complete the files kiwi writes.

    Args:
        description: The folder of the normalised description (ingest/normalised.py): its config.xml is all of it.
        options: What kiwi is told.

    Raises:
        StepFailed: The description is not XML, or a signing key is at an address that no repository may have.
    """
    file = description / "config.xml"
    tree = _parse(file)
    main = tree.getroot()
    if options.replace_repositories:
        _remove_repositories(main)
    for repository in options.site_repositories:
        main.append(_element(repository))
    _refuse_keys(main)
    scripts = description.parent / _SCRIPTS
    scripts.mkdir()
    for number, element in enumerate(main.iter("repository")):
        _add_script(element, description, scripts / f"{number}.sh")
    tree.write(file, encoding="utf-8", xml_declaration=True)


def _refuse_keys(root: ElementTree.Element) -> None:
    """Refuse signing keys where no repository may be: kiwi gives their addresses to rpm, which downloads them."""
    private = ServersInput.from_environment(os.environ).private
    for signing in root.iter("signing"):
        if refusal := refused_server(signing.get("key", ""), private=private, of="signing key"):
            raise StepFailed(refusal)


def _parse(file: Path) -> "ElementTree.ElementTree[ElementTree.Element]":
    try:
        # Comments of <image> are kept, for readers of a kept workspace.
        builder = ElementTree.TreeBuilder(insert_comments=True)
        return ElementTree.parse(file, ElementTree.XMLParser(target=builder))  # noqa: S314 - validated before
    except (OSError, ElementTree.ParseError) as error:
        raise StepFailed(f"{file.name} cannot be read: {error}") from error


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
