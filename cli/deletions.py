"""Deleting, restoring and erasing, for every noun that can be deleted: each record by a flow run of its own."""

import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated

import typer

from cli.output import Columns, FormatOption, print_record, print_records
from errors import BadInput, Conflict, ImsError
from flows.deployments import HARD_DELETE, SOFT_DELETE, UNDELETE
from storage.models.kinds import DeletableKind
from storage.models.records import Collection, Record

RecordId = Annotated[str, typer.Argument(metavar="ID", help="The record's id.")]
Force = Annotated[
    bool,
    typer.Option("--force", help="Delete it although objects are missing; where its manifest is none, they all stay."),
]
Leave = Annotated[
    bool, typer.Option("--force", help="Remove it although objects are left that may be its own; they are named.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would move.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
# Where a record is that `ims deleted` lists: also one whose deletion, or whose return, was cut off.
NOT_AVAILABLE = tuple(each for each in Collection if each is not Collection.AVAILABLE)
MOVE_COLUMNS: Columns = {
    "from": lambda move: move.source,
    "to": lambda move: move.target,
    "bytes": lambda move: str(move.size),
}


class Operation(StrEnum):
    """What `update` does to a deleted record."""

    UNDELETE = "undelete"


def add_deletion(app: typer.Typer, kind: DeletableKind) -> None:
    """Give a noun `delete` and `deleteall`.

    Args:
        app: The noun's commands.
        kind: The kind of its records.
    """

    @app.command("delete")
    def delete(record_id: RecordId, force: Force = False, dry_run: DryRun = False) -> None:
        """Delete it so that it can be got back."""
        if dry_run:
            _show_moves(kind, record_id, force)
            return
        _run(SOFT_DELETE, kind, record_id, force=force)
        typer.echo(f"Get it back with: ims deleted {kind.documents} update {record_id} --operation undelete", err=True)

    @app.command("deleteall")
    def delete_all(yes: Yes = False, force: Force = False) -> None:
        """Delete all of them so that they can be got back."""
        _each(kind, [Collection.AVAILABLE], "delete", yes, lambda each: _run(SOFT_DELETE, kind, each, force=force))


def deleted_noun(kind: DeletableKind, columns: Columns) -> typer.Typer:
    """Return the commands of `ims deleted` for one noun.

    Args:
        kind: The kind of its records.
        columns: The noun's own columns in lists.
    """
    app = typer.Typer(help=f"Deleted {kind.noun}s.", no_args_is_help=True)
    shown: Columns = {**columns, "state": lambda record: record.collection}

    @app.command("list")
    def list_deleted(output: FormatOption = None) -> None:
        """List what is deleted, or on its way."""
        print_records(_records(kind, NOT_AVAILABLE), shown, output)

    @app.command("describe")
    def describe(record_id: RecordId, output: FormatOption = None) -> None:
        """Show one deleted record."""
        from storage.records.catalogue import catalogue

        record = catalogue().of(kind).get(record_id)
        if record.collection is Collection.AVAILABLE:
            raise Conflict(f"{kind} {record.id} is not deleted")
        print_record(record, output)

    @app.command("update")
    def update(
        record_id: RecordId, operation: Annotated[Operation, typer.Option(help="undelete: get it back.")]
    ) -> None:
        """Get a deleted record back."""
        del operation  # There is one.
        _run(UNDELETE, kind, record_id)

    @app.command("delete")
    def erase(record_id: RecordId, force: Leave = False) -> None:
        """Remove it for good, with its objects. It cannot be got back."""
        _run(HARD_DELETE, kind, record_id, force=force)

    @app.command("deleteall")
    def erase_all(yes: Yes = False) -> None:
        """Remove all of them for good, with their objects."""
        wanted = [Collection.DELETED, Collection.ERASING]
        _each(kind, wanted, "remove for good", yes, lambda each: _run(HARD_DELETE, kind, each))

    return app


def _run(deployment: str, kind: DeletableKind, record_id: str, **parameters: bool) -> None:
    # Importing Prefect takes more than a second.
    from cli.runs import run_to_its_end

    run_to_its_end(deployment, {"kind": kind, "record_id": record_id, **parameters})


def _show_moves(kind: DeletableKind, record_id: str, force: bool) -> None:
    from tasks.deletions import plan_deletion

    journal = plan_deletion(kind, record_id, force=force)
    print_records(journal.moves, MOVE_COLUMNS, None)
    for path in journal.missing:
        typer.echo(f"missing: {path}", err=True)


def _records(kind: DeletableKind, collections: Sequence[Collection]) -> list[Record]:
    from storage.records.catalogue import catalogue

    return [record for record in catalogue().of(kind).list(None) if record.collection in collections]


def _each(
    kind: DeletableKind, collections: Sequence[Collection], verb: str, yes: bool, act: Callable[[str], None]
) -> None:
    """Do it to every record; one that cannot be done is told, and does not hold up the others."""
    records = _records(kind, collections)
    if not records:
        typer.echo("none", err=True)
        return
    if not yes:
        if not sys.stdin.isatty():
            raise BadInput(f"this would {verb} {len(records)} {kind.noun}s", resolution="say so with --yes")
        typer.confirm(f"Really {verb} {len(records)} {kind.noun}s?", abort=True, err=True)
    left = []
    for record in records:
        try:
            act(record.id)
        except ImsError as error:
            left.append(record.id)
            typer.echo(f"{record.id}: {error}", err=True)
    if left:
        raise Conflict(f"{len(left)} of {len(records)} {kind.noun}s could not be done: {', '.join(left)}")
