"""The template dictionary of a recipe on the command line: `--template-value K=V`, or the lists of `cray ims`."""

from itertools import zip_longest
from typing import Annotated

import typer

from errors import BadInput

Values = Annotated[
    list[str] | None,
    typer.Option(help="KEY=VALUE that template files are rendered with; repeat it for more.", show_default=False),
]
CrayKeys = Annotated[
    str, typer.Option(help="Keys A,B as `cray ims` takes them. A value with commas needs --template-value.")
]
CrayValues = Annotated[str, typer.Option(help="The values 1,2 of those keys.")]


def dictionary_of(values: list[str] | None, keys: str, cray_values: str) -> list[dict[str, str]]:
    """Return the dictionary that the options give, in both ways of writing it; its model checks it."""
    pairs = [_pair(text) for text in values or []] + _cray_pairs(keys, cray_values)
    return [{"key": key, "value": value} for key, value in pairs]


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise BadInput(f"--template-value {text} has no '='", resolution="write it as KEY=VALUE")
    return key, value


def _cray_pairs(keys: str, values: str) -> list[tuple[str, str]]:
    """Pair A,B with 1,2, the way `cray ims` writes a template dictionary."""
    if not keys and not values:
        return []
    pairs = list(zip_longest(keys.split(","), values.split(",")))
    if any(part is None for pair in pairs for part in pair):
        raise BadInput(
            "--template-dictionary-key and --template-dictionary-value have different numbers of entries",
            resolution="a value with commas is given by --template-value KEY=VALUE",
        )
    return pairs
