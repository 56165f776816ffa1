"""How records are printed: a table on a terminal, else TOML as `cray` prints it, or the format that is asked for."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import tomli_w
import typer
import yaml
from pydantic import BaseModel
from rich.console import Console

from cli.door import is_by_api
from cli.tables import pairs, plain, print_table

# Not printed: the collection follows from the command's noun, and only deletions read the journal.
INTERNAL_FIELDS = {"collection", "inputs_digest", "journal"}


class Format(StrEnum):
    """What `--format` takes."""

    JSON = "json"
    YAML = "yaml"
    TOML = "toml"


FormatOption = Annotated[
    Format | None,
    typer.Option(
        "--format",
        "-o",
        "--output",
        help="Output format: json, yaml or toml. Left out: a table on a terminal, TOML elsewhere.",
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
    console = _console()
    if not records:
        console.print(none)
        return
    rows = [[plain(read(record), console.encoding) for read in columns.values()] for record in records]
    print_table(console, list(columns), rows)


def print_record(record: BaseModel, wanted: Format | None) -> None:
    """Print one record with all its fields."""
    chosen = _chosen(wanted)
    if chosen is not None:
        typer.echo(_text(fields(record), chosen), nl=False)
        return
    console = _console()
    pairs(console, [(name, plain(value, console.encoding)) for name, value in _flat(fields(record))])


def fields(record: BaseModel) -> dict[str, Any]:
    """Return a record's fields as they are printed: times in ISO 8601."""
    live = {"deleted"} if getattr(record, "deleted", None) is None else set()
    return record.model_dump(mode="json", exclude=INTERNAL_FIELDS | live | _unread(record))


def _unread(record: BaseModel) -> set[str]:
    """Return the fields that the REST API does not have: it shows no logs of a job, and `[]` would say there are none.

    Of a stored record every field is printed, also one that an earlier release has not written.
    """
    known = record.model_fields_set
    return set(type(record).model_fields) - known if is_by_api() and "created" in known else set()


def moment(time: datetime | None) -> str:
    """Return a time as tables show it: to the minute, by this machine's clock."""
    return "" if time is None else f"{time.astimezone():%Y-%m-%d %H:%M}"


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
