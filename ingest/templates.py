"""The program that renders a recipe's templates in place: those that its `.ims_recipe_template.yaml` lists.

The rule: all of them are rendered before the first is written.
"""

import os
from collections.abc import Mapping
from typing import Any

import yaml

from errors import BadInput
from ingest.limits import Limits
from ingest.recipe_files import inner_path, opened, read_text, real_path, replace_text
from ingest.rendering import render

LIST_NAME = ".ims_recipe_template.yaml"
_KEY = "template_files"


def run(folder: str, dictionary: Mapping[str, str], limits: Limits) -> list[str]:
    """Render the listed files, a link inside the recipe as the file that it leads to, and return their paths.

    Raises:
        BadInput: The list, a template or the dictionary is refused; nothing was changed.
    """
    with opened(folder) as top:
        paths = list(dict.fromkeys(real_path(path, folder) for path in _listed(top)))
        if paths and not dictionary:
            raise BadInput(
                f"the recipe has templates ({LIST_NAME} lists {', '.join(paths)}), but no template dictionary",
                resolution="give the recipe a template dictionary",
            )
        rendered = _rendered(paths, dictionary, top, limits)
        for path, (text, mode) in rendered.items():
            replace_text(path, text, mode, top)
    return paths


def _listed(top: int) -> list[str]:
    """Return the listed paths without duplicates."""
    if LIST_NAME not in os.listdir(top):
        return []
    text, _ = read_text(LIST_NAME, top, LIST_NAME)
    content = _parsed(text)
    names = content.get(_KEY) if isinstance(content, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise BadInput(
            f"{LIST_NAME} has no list of files called '{_KEY}'",
            resolution=f"write '{_KEY}:', and below it a line '- PATH' for each file",
        )
    return list(dict.fromkeys(inner_path(name, LIST_NAME) for name in names))


def _parsed(text: bytes) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise BadInput(f"{LIST_NAME}{line}: not valid YAML: {error.problem}", resolution="correct it") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        # ValueError: an invalid date or number.
        raise BadInput(f"{LIST_NAME}: not valid YAML: {error}", resolution="correct it") from error


def _rendered(
    paths: list[str], dictionary: Mapping[str, str], top: int, limits: Limits
) -> dict[str, tuple[bytes, int]]:
    rendered: dict[str, tuple[bytes, int]] = {}
    sum_bytes = 0
    for path in paths:
        source, mode = read_text(path, top, LIST_NAME)
        text = _encoded(path, render(path, _decoded(path, source), dictionary, limits))
        sum_bytes += len(text)
        if sum_bytes > limits.bytes:
            raise BadInput(
                f"{path}: the recipe's templates render to more than {limits.bytes} bytes",
                resolution="make them smaller, or raise IMS_RECIPE_BYTES",
            )
        rendered[path] = (text, mode)
    return rendered


def _encoded(path: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start) + 1
        raise BadInput(
            f"{path}, line {line} of what it renders to: {text[error.start]!r} is no character",
            resolution="correct the template, or the template dictionary",
        ) from error


def _decoded(path: str, source: bytes) -> str:
    try:
        return source.decode()
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        raise BadInput(f"{path}, line {line}: the template is not UTF-8", resolution="save it as UTF-8") from error
