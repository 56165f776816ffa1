"""The `ims` command: its nouns, and what an error looks like to the user.

Only what every command needs is imported here; S3's and Prefect's clients are imported by the commands that call them.
"""

import sys
from importlib.metadata import version
from typing import Annotated

import typer
from pydantic import ValidationError

from cli import (
    api,
    backups,
    deleted,
    failures,
    images,
    imports,
    jobs,
    public_keys,
    recipes,
    reconcile,
    scripts,
    settings,
    site,
    status,
    up,
    worker,
)
from cli.booleans import take_boolean_words
from cli.quiet import quiet_libraries
from errors import ImsError

app = typer.Typer(
    name="ims",
    help="Build boot images from recipes: kernel, initrd and squashfs root, over S3 and pods.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Boxes cut long option names off at 80 columns.
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("up")(up.up)
app.command("worker")(worker.worker)
app.command("api")(api.serve)
app.command("status")(status.status)
app.command("settings")(settings.show)
app.command("site")(site.show)
app.command("reconcile")(reconcile.reconcile)
app.command("import")(imports.import_records)
app.command("export")(imports.export_records)
app.command("backup")(backups.back_up)
app.command("restore")(backups.restore)
app.add_typer(public_keys.app, name="public-keys")
app.add_typer(recipes.app, name="recipes")
app.add_typer(images.app, name="images")
app.add_typer(jobs.app, name="jobs")
app.add_typer(scripts.app, name="scripts")
app.add_typer(deleted.app, name="deleted")
take_boolean_words(app)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"ims {version('image-management-flows')}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    print_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Take the options that stand before the noun."""


def main() -> None:
    """Run the command that the arguments name; end with 0, 2 for the user's mistake, 1 for ours."""
    quiet_libraries()
    sys.excepthook = failures.report_defect
    try:
        app()
    except (ImsError, ValidationError) as error:
        sys.exit(failures.report(error))
