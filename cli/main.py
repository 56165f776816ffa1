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
    doctor,
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
from cli.examples import examples
from cli.hints import be_quiet
from cli.quiet import quiet_libraries
from errors import ImsError

app = typer.Typer(
    name="ims",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Boxes cut long option names off at 80 columns.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("up", epilog=examples("ims up"))(up.up)
app.command("worker", epilog=examples("ims worker --name builds"))(worker.worker)
app.command("api", epilog=examples("ims api --port 8086 --processes 2"))(api.serve)
app.command("status", epilog=examples("ims status --format json"))(status.status)
app.command("doctor", epilog=examples("ims doctor", "ims doctor --format json"))(doctor.doctor)
app.command("settings", epilog=examples("ims settings"))(settings.show)
app.command("site", epilog=examples("ims site"))(site.show)
app.command("reconcile", epilog=examples("ims reconcile", "ims reconcile --apply --age 2d"))(reconcile.reconcile)
app.command("import", epilog=examples("ims import FOLDER --dry-run", "ims import https://api.site/apis/ims"))(
    imports.import_records
)
app.command("export", epilog=examples("ims export FOLDER"))(imports.export_records)
app.command("backup", epilog=examples("ims backup FOLDER"))(backups.back_up)
app.command("restore", epilog=examples("ims restore FOLDER --dry-run"))(backups.restore)
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


@app.callback(epilog=examples("ims up", "ims images list --sort newest --limit 5", "ims jobs watch compute"))
def _options(
    *,
    print_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print no hints and no progress, only output and errors.")
    ] = False,
) -> None:
    """Build boot images from recipes: kernel, initrd and squashfs root, over S3 and pods.

    Where an id is asked for, its beginning or the record's name will do.
    """
    if quiet:
        be_quiet()
    del print_version  # Its callback has ended the command.


def main() -> None:
    """Run the command that the arguments name; end with 0, 2 for the user's mistake, 1 for ours."""
    quiet_libraries()
    sys.excepthook = failures.report_defect
    try:
        app()
    except (ImsError, ValidationError) as error:
        sys.exit(failures.report(error))
