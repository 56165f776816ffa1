"""Deleting, restoring and erasing records of every kind: each record by a flow run of its own."""

import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated

import typer

from cli.door import Door, door, is_by_api
from cli.examples import examples
from cli.hints import hint
from cli.names import deleted_id, id_to_delete
from cli.output import Columns, FormatOption, moment, print_record, print_records
from cli.selection import Limit, NameFilter, Order, Sort, selected
from errors import BadInput, Conflict, ImsError
from storage.models.kinds import DeletableKind
from storage.models.records import Collection, Record

RecordId = Annotated[str, typer.Argument(metavar="ID", help="The record: its id, the beginning of that, or its name.")]
Force = Annotated[
    bool,
    typer.Option(
        "--force", help="Delete it although objects are missing; if its manifest is not valid, all objects are kept."
    ),
]
Leave = Annotated[
    bool, typer.Option("--force", help="Remove it although objects that may be its own are kept; they are named.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would move.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
MOVE_COLUMNS: Columns = {
    "from": lambda move: move.source,
    "to": lambda move: move.target,
    "bytes": lambda move: str(move.size),
}


class Operation(StrEnum):
    """What `update` does to a deleted record."""

    UNDELETE = "undelete"


def add_deletion(app: typer.Typer, kind: DeletableKind) -> None:
    """Add `delete` and `deleteall` to the commands of a noun.

    Args:
        app: The noun's commands.
        kind: The kind of its records.
    """
    noun, plural = kind.documents, f"{kind.noun}s"

    @app.command(
        "delete",
        help=f"Delete a {kind.noun}. It can be restored until it is removed for good.",
        epilog=examples(
            f"ims {noun} delete ID --dry-run",
            f"ims {noun} delete ID",
            f"ims deleted {noun} update ID --operation undelete",
        ),
    )
    def delete(record_id: RecordId, force: Force = False, dry_run: DryRun = False) -> None:
        known = id_to_delete(kind, record_id)
        if dry_run:
            _show_moves(kind, known, force)
            return
        door().delete(kind, known, force=force)
        hint(f"Restore it with: ims deleted {kind.documents} update {known} --operation undelete")

    @app.command(
        "deleteall",
        help=f"Delete all {plural}. They can be restored until they are removed for good.",
        epilog=examples(f"ims {noun} deleteall --yes"),
    )
    def delete_all(yes: Yes = False, force: Force = False) -> None:
        through = door()
        _each(kind, through.list(kind), "delete", yes, lambda each: through.delete(kind, each, force=force))


def deleted_noun(kind: DeletableKind, columns: Columns) -> typer.Typer:
    """Return the commands of `ims deleted` for one noun.

    Args:
        kind: The kind of its records.
        columns: The noun's own columns in lists.
    """
    app = typer.Typer(help=f"Deleted {kind.noun}s.", no_args_is_help=True)
    noun, plural = kind.documents, f"{kind.noun}s"
    shown: Columns = {heading: read for heading, read in columns.items() if heading != "created"}
    shown = {**shown, "deleted": _deleted}

    @app.command(
        "list",
        help=f"List the {plural} that are deleted, or are being deleted, restored or removed.",
        epilog=examples(f"ims deleted {noun} list --sort newest"),
    )
    def list_deleted(
        name: NameFilter = "", sort: Sort = Order.CREATED, limit: Limit = None, output: FormatOption = None
    ) -> None:
        print_records(selected(door().list_deleted(kind), name, sort, limit), shown, output)

    @app.command("describe", help=f"Show one deleted {kind.noun}.", epilog=examples(f"ims deleted {noun} describe ID"))
    def describe(record_id: RecordId, output: FormatOption = None) -> None:
        print_record(door().get_deleted(kind, deleted_id(kind, record_id)), output)

    @app.command(
        "update",
        help=f"Restore a deleted {kind.noun}.",
        epilog=examples(f"ims deleted {noun} update ID --operation undelete"),
    )
    def update(
        record_id: RecordId, operation: Annotated[Operation, typer.Option(help="undelete: restore it.")]
    ) -> None:
        del operation  # There is only one.
        door().restore(kind, deleted_id(kind, record_id))

    @app.command(
        "delete",
        help=f"Remove a deleted {kind.noun} for good, with its objects. It cannot be restored.",
        epilog=examples(f"ims deleted {noun} delete ID"),
    )
    def erase(record_id: RecordId, force: Leave = False) -> None:
        door().remove(kind, deleted_id(kind, record_id), force=force)

    @app.command(
        "deleteall",
        help=f"Remove all deleted {plural} for good, with their objects.",
        epilog=examples(f"ims deleted {noun} deleteall --yes"),
    )
    def erase_all(yes: Yes = False) -> None:
        through = door()
        _each(
            kind,
            _to_remove(through, kind),
            "remove for good",
            yes,
            lambda each: through.remove(kind, each, force=False),
        )

    return app


def _deleted(record: Record) -> str:
    """Return when a record was deleted, or what is being done to it."""
    return moment(record.deleted) if record.collection is Collection.DELETED else str(record.collection)


def _to_remove(through: Door, kind: DeletableKind) -> list[Record]:
    wanted = {Collection.DELETED, Collection.ERASING}
    return [each for each in through.list_deleted(kind) if each.collection in wanted]


def _show_moves(kind: DeletableKind, record_id: str, force: bool) -> None:
    if is_by_api():
        raise BadInput(
            "--dry-run needs S3: the REST API does not tell what a deletion would move",
            resolution=f"see `ims {kind.documents} describe {record_id}`, or leave out IMS_API_URL where S3 is reached",
        )
    from tasks.deletions import plan_deletion

    journal = plan_deletion(kind, record_id, force=force)
    print_records(journal.moves, MOVE_COLUMNS, None, none=f"no object would move: only the record of the {kind.noun}")
    for path in journal.missing:
        typer.echo(f"missing: {path}", err=True)


def _each(kind: DeletableKind, records: Sequence[Record], verb: str, yes: bool, act: Callable[[str], None]) -> None:
    """Act on every record, also after one has failed; each error is printed."""
    if not records:
        hint("none")
        return
    if not yes:
        if not sys.stdin.isatty():
            raise BadInput(f"this would {verb} {len(records)} {kind.noun}s", resolution="confirm it with --yes")
        typer.confirm(f"Really {verb} {len(records)} {kind.noun}s?", abort=True, err=True)
    left = []
    for record in records:
        try:
            act(record.id)
        except ImsError as error:
            left.append(record.id)
            typer.echo(f"{record.id}: {error}", err=True)
    if left:
        raise Conflict(f"{len(left)} of {len(records)} {kind.noun}s failed: {', '.join(left)}")
