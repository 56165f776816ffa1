"""How records are printed: a table on a terminal, else TOML as `cray` prints it, or the format that is asked for."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any

import tomli_w
import typer
import yaml
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

# Not printed: the collection follows from the command's noun, and only deletions read the journal.
INTERNAL_FIELDS = {"collection", "inputs_digest", "journal"}
MAY_BE_LONG = {"name", "what", "why", "outcome"}


class Format(StrEnum):
    """What `--format` takes."""

    JSON = "json"
    YAML = "yaml"
    TOML = "toml"


FormatOption = Annotated[
    Format | None,
    typer.Option(
        "--format",
        help="Output format; a table on a terminal and TOML elsewhere when left out.",
        show_default=False,
    ),
]
Columns = Mapping[str, Callable[[Any], str]]


def print_records(
    records: Sequence[BaseModel], columns: Columns, wanted: Format | None, *, none: str = "none yet"
) -> None:
    """Print a list of records.

    Args:
        records: What to print.
        columns: The table's headings, and how each is read from a record.
        wanted: The format asked for, if one was.
        none: What a table without rows says.
    """
    chosen = _chosen(wanted)
    if chosen is not None:
        typer.echo(_text([fields(record) for record in records], chosen), nl=False)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in columns:
        # Long columns are cut, so that ids are whole in 80 columns.
        table.add_column(heading, overflow="fold", no_wrap=heading not in MAY_BE_LONG)
    for record in records:
        table.add_row(*(read(record) for read in columns.values()))
    _console().print(table if records else none)


def print_record(record: BaseModel, wanted: Format | None) -> None:
    """Print one record with all its fields."""
    chosen = _chosen(wanted)
    if chosen is not None:
        typer.echo(_text(fields(record), chosen), nl=False)
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _flat(fields(record)):
        table.add_row(name, value)
    _console().print(table)


def fields(record: BaseModel) -> dict[str, Any]:
    """Return a record's fields as they are printed: times in ISO 8601."""
    live = {"deleted"} if getattr(record, "deleted", None) is None else set()
    return record.model_dump(mode="json", exclude=INTERNAL_FIELDS | live)


def _console() -> Console:
    # A user's text is printed as it is, also when it looks like markup.
    return Console(markup=False, highlight=False, emoji=False)


def _chosen(wanted: Format | None) -> Format | None:
    return wanted if wanted or sys.stdout.isatty() else Format.TOML


def _text(value: Any, chosen: Format) -> str:
    if chosen is Format.JSON:
        return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    if chosen is Format.YAML:
        return yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
    # TOML has no top-level list and no null.
    document = {"results": value} if isinstance(value, list) else value
    return tomli_w.dumps(_without_nulls(document))


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(part) for name, part in value.items() if part is not None}
    if isinstance(value, list):
        return [_without_nulls(part) for part in value]
    return value


def _flat(value: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return rows of a nested mapping, as `link.path`; what is empty is left out."""
    rows: list[tuple[str, str]] = []
    for name, part in value.items():
        if isinstance(part, dict):
            rows += _flat(part, f"{prefix}{name}.")
        elif isinstance(part, list):
            rows += [("" if number else f"{prefix}{name}", _line(entry)) for number, entry in enumerate(part)]
        elif part not in (None, ""):
            rows.append((f"{prefix}{name}", _line(part)))
    return rows


def _line(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        if set(value) == {"key", "value"}:
            return f"{value['key']}={value['value']}"
        if {"weight", "what"} <= set(value):
            return f"{value['weight']}: {value['what']}"
        return str(value.get("path") or json.dumps(value, ensure_ascii=False))
    return str(value)
