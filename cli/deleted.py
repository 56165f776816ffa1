"""`ims deleted`: listing, restoring and removing deleted records."""

import typer

from cli import images, public_keys, recipes
from cli.deletions import deleted_noun
from storage.models.kinds import RecordKind

app = typer.Typer(help="Deleted records: list, restore, or remove them for good.", no_args_is_help=True)
app.add_typer(deleted_noun(RecordKind.IMAGE, images.COLUMNS), name="images")
app.add_typer(deleted_noun(RecordKind.RECIPE, recipes.COLUMNS), name="recipes")
app.add_typer(deleted_noun(RecordKind.PUBLIC_KEY, public_keys.COLUMNS), name="public-keys")
