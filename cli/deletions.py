"""Deleting, restoring and erasing records of every kind: each record by a flow run of its own."""

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
    typer.Option(
        "--force", help="Delete it although objects are missing; if its manifest is not valid, all objects are kept."
    ),
]
Leave = Annotated[
    bool, typer.Option("--force", help="Remove it although objects that may be its own are kept; they are named.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would move.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
# What `ims deleted` lists: also records whose deletion or restoration was interrupted.
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
    """Add `delete` and `deleteall` to the commands of a noun.

    Args:
        app: The noun's commands.
        kind: The kind of its records.
    """

    @app.command("delete")
    def delete(record_id: RecordId, force: Force = False, dry_run: DryRun = False) -> None:
        """Delete it so that it can be restored."""
        if dry_run:
            _show_moves(kind, record_id, force)
            return
        _run(SOFT_DELETE, kind, record_id, force=force)
        typer.echo(
            f"Restore it with: ims deleted {kind.documents} update {record_id.strip()} --operation undelete", err=True
        )

    @app.command("deleteall")
    def delete_all(yes: Yes = False, force: Force = False) -> None:
        """Delete all of them so that they can be restored."""
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
        """List what is deleted, or is being deleted, restored or removed."""
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
        record_id: RecordId, operation: Annotated[Operation, typer.Option(help="undelete: restore it.")]
    ) -> None:
        """Restore a deleted record."""
        del operation  # There is only one.
        _run(UNDELETE, kind, record_id)

    @app.command("delete")
    def erase(record_id: RecordId, force: Leave = False) -> None:
        """Remove it for good, with its objects. It cannot be restored."""
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
    """Act on every record, also after one has failed; each error is printed."""
    records = _records(kind, collections)
    if not records:
        typer.echo("none", err=True)
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
