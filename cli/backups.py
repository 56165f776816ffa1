"""`ims backup` and `ims restore`: the records as they are at one moment, in a folder, and back."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from cli.imports import COLUMNS
from cli.output import FormatOption, print_records


def back_up(
    folder: Annotated[Path, typer.Argument(help="The folder to make.", show_default=False)],
    artifacts: Annotated[
        bool, typer.Option("--artifacts", help="Save all objects, too: archives, artifacts, logs.")
    ] = False,
) -> None:
    """Write all records, as they are at one moment, into a new folder.

    Records may be changed meanwhile. The folder is there only when all of it was written, read again and compared.
    If it is interrupted, the same command continues.

    For example:

    ims backup records-monday

    ims backup everything --artifacts
    """
    from config.settings import settings
    from storage.moving import backups
    from storage.s3.objects import object_store

    buckets = (settings().bucket, settings().boot_images_bucket) if artifacts else ()
    counts, saved = backups.back_up(object_store(), settings().bucket, folder, objects_of=buckets)
    said = [f"{count} {kind.documents}" for kind, count in counts.items()] + [f"{saved} objects"] * artifacts
    typer.echo(f"{folder}: {', '.join(said)}")


def restore(
    folder: Annotated[Path, typer.Argument(help="A folder that `ims backup` has made.", show_default=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be restored.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Show all records.")] = False,
    output: FormatOption = None,
) -> None:
    """Put the records and the objects of a backup back that are missing.

    The backup's checksums are compared first. What is here stays as it is; what differs is shown, and the exit code is
    then 2. It can be repeated, and goes on where it was interrupted.

    For example:

    ims restore records-monday --dry-run
    """
    from config.settings import settings
    from storage.moving import restoration
    from storage.moving.adoption import Adoption, Verdict
    from storage.moving.backups import read_backup, read_objects
    from storage.moving.restoration import ObjectRestoration
    from storage.records.catalogue import catalogue
    from storage.s3.objects import ensure_buckets, object_store

    backup, saved = list(read_backup(folder)), read_objects(folder)
    if not dry_run:
        ensure_buckets()
    # A record never points at something that is not there: objects come first.
    objects = restoration.objects_restored(object_store(), saved, dry_run=dry_run)
    planned = restoration.plan(backup, object_store(), settings().bucket)
    records = (
        [adoption for each in planned for adoption in each.adoptions]
        if dry_run
        else restoration.restore(planned, catalogue())
    )
    adoptions: list[Adoption | ObjectRestoration] = [*objects, *records]
    shown = [each for each in adoptions if every or output or each.why]
    if shown:
        print_records(shown, COLUMNS, output)
    counts = Counter(each.verdict for each in adoptions)
    said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict]) or "no records"
    typer.echo(f"{said}{' (dry run: nothing was written)' if dry_run else ''}", err=True)
    if counts[Verdict.CONFLICT]:
        raise typer.Exit(2)
