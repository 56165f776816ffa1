"""`ims import` and `ims export`: moving in from the existing Image Management Service, and back."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import Columns, FormatOption, print_records
from errors import BadInput

if TYPE_CHECKING:
    from storage.moving.collections import Foreign

COLUMNS: Columns = {
    "kind": lambda adoption: adoption.kind,
    "id": lambda adoption: adoption.id,
    "name": lambda adoption: adoption.name,
    "outcome": lambda adoption: adoption.verdict,
    "why": lambda adoption: adoption.why,
}


def import_records(
    source: Annotated[
        str,
        typer.Argument(
            help="A folder with the data files of an IMS, a tar archive of ims-import-export.py, or the address of a "
            "running IMS (https://HOST/apis/ims).",
            show_default=False,
        ),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be taken.")] = False,
    token_file: Annotated[
        Path | None,
        typer.Option(
            help="File with the token that a running IMS asks for.", show_default=False, exists=True, dir_okay=False
        ),
    ] = None,
    ca_certificates: Annotated[
        Path | None,
        typer.Option(
            help="File with the certificates that the server's is checked against.",
            show_default=False,
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Show all records, also those that are taken and those already there.")
    ] = False,
    output: FormatOption = None,
) -> None:
    """Take over the records of an IMS with their ids, links and times, over the objects where they lie.

    No object is written, copied or removed, and no record that is here is changed. It can be repeated: what is there
    already stays. The exit code is 2 when a record is in conflict or broken.

    For example:

    ims import /backup/ims-data --dry-run

    ims import https://api-gw.example/apis/ims --token-file token

    ims import export-ims-data.tar
    """
    from storage.moving.adoption import Verdict, adopt, plan
    from storage.records.catalogue import catalogue
    from storage.s3.objects import object_store

    found = _read(source, token_file, ca_certificates)
    planned = plan(found, catalogue(), object_store())
    adoptions = [each.adoption for each in planned] if dry_run else adopt(planned, catalogue())
    quiet = {Verdict.TAKEN, Verdict.PRESENT}
    shown = [each for each in adoptions if every or output or each.why or each.verdict not in quiet]
    if shown:
        print_records(shown, COLUMNS, output)
    counts = Counter(each.verdict for each in adoptions)
    said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict]) or "no records"
    typer.echo(f"{said}{' (dry run: nothing was written)' if dry_run else ''}", err=True)
    if counts[Verdict.CONFLICT] or counts[Verdict.BROKEN]:
        raise typer.Exit(2)


def export_records(
    folder: Annotated[Path, typer.Argument(help="The folder to make.", show_default=False)],
) -> None:
    """Write the records as the data files of an IMS, so that it can go on from here.

    No object is touched. Stop what changes the catalogue first.

    For example:

    ims export ims-data
    """
    from storage.moving.exports import export
    from storage.records.catalogue import catalogue

    for name, count in export(catalogue(), folder).items():
        typer.echo(f"{folder / name}: {count}")


def _read(source: str, token_file: Path | None, authorities: Path | None) -> "list[Foreign]":
    from storage.moving.sources import read_archive, read_folder, read_service

    if source.startswith(("http://", "https://")):
        token = token_file.read_text().strip() if token_file else ""
        return read_service(source, token=token, authorities=authorities)
    path = Path(source)
    if not path.exists():
        raise BadInput(f"{source} does not exist", resolution="name a folder, a tar archive, or http(s)://…")
    return read_folder(path) if path.is_dir() else read_archive(path)
