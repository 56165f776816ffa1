"""`ims recipes`: descriptions that images are built from."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from cli.deletions import add_deletion
from cli.door import door
from cli.examples import examples
from cli.links import LinkEtag, LinkType, link_of
from cli.names import record_id
from cli.output import Columns, FormatOption, print_record, print_records
from cli.progress import transfers
from cli.selection import Limit, NameFilter, Order, Sort, selected
from cli.template_values import CrayKeys, CrayValues, Values, dictionary_of
from config.settings import settings
from errors import BadInput, Conflict
from storage.models.changes import RecipeChanges
from storage.models.kinds import RecordKind
from storage.models.layout import recipe_key
from storage.models.records import Link, NewRecipe, Recipe

app = typer.Typer(help="Recipes that images are built from.", no_args_is_help=True)

COLUMNS: Columns = {
    "id": lambda recipe: recipe.id,
    "name": lambda recipe: recipe.name,
    "distribution": lambda recipe: recipe.linux_distribution,
    "arch": lambda recipe: recipe.arch,
}
RecipeId = Annotated[str, typer.Argument(metavar="ID", help="The recipe: its id, the beginning of that, or its name.")]
File = Annotated[
    Path | None,
    typer.Option(help="Recipe to upload: a .tgz archive, or a folder, which is packed.", show_default=False),
]
LinkPath = Annotated[str, typer.Option(help="Archive that is in S3 already: s3://BUCKET/KEY.")]

add_deletion(app, RecordKind.RECIPE)


@app.command(
    "create",
    epilog=examples(
        "ims recipes create --name compute --linux-distribution debian12 --file R/",
        "ims recipes create --name c --linux-distribution sles15 --file R.tgz \\",
        "    --template-value release=15.6",
    ),
)
def create(
    name: Annotated[str, typer.Option(help="What the recipe is called in lists.")],
    linux_distribution: Annotated[
        str, typer.Option(help="What it builds: sles15, sles12, centos7, debian12, rocky9, … (any word).")
    ],
    file: File = None,
    recipe_type: Annotated[str, typer.Option(help="kiwi-ng or packer.")] = "kiwi-ng",
    arch: Annotated[str, typer.Option(help="x86_64 or aarch64.")] = "x86_64",
    require_dkms: Annotated[bool, typer.Option(help="Whether builds compile kernel modules.")] = True,
    template_value: Values = None,
    template_dictionary_key: CrayKeys = "",
    template_dictionary_value: CrayValues = "",
    link_path: LinkPath = "",
    link_etag: LinkEtag = "",
    link_type: LinkType = "s3",
    output: FormatOption = None,
) -> None:
    """Register a recipe, and upload its archive when --file names one."""
    wanted = NewRecipe.model_validate(
        {
            "name": name,
            "recipe_type": recipe_type,
            "linux_distribution": linux_distribution,
            "arch": arch,
            "require_dkms": require_dkms,
            "template_dictionary": dictionary_of(template_value, template_dictionary_key, template_dictionary_value),
            "link": link_of(link_path, link_etag, link_type),
        }
    )
    print_record(_register(wanted, file), output)


@app.command(
    "update",
    epilog=examples("ims recipes update compute --file R/", "ims recipes update compute --template-value release=15.7"),
)
def update(
    recipe_id: RecipeId,
    file: File = None,
    arch: Annotated[str, typer.Option(help="x86_64 or aarch64.")] = "",
    require_dkms: Annotated[bool | None, typer.Option(help="Whether builds compile kernel modules.")] = None,
    template_value: Values = None,
    template_dictionary_key: CrayKeys = "",
    template_dictionary_value: CrayValues = "",
    link_path: LinkPath = "",
    link_etag: LinkEtag = "",
    link_type: LinkType = "s3",
    name: Annotated[str, typer.Option(help="Cannot be changed; taken as in cray ims when it is the present one.")] = "",
    recipe_type: Annotated[str, typer.Option(help="As --name.")] = "",
    linux_distribution: Annotated[str, typer.Option(help="As --name.")] = "",
    output: FormatOption = None,
) -> None:
    """Change a recipe: give one without an archive its archive, or change how it is built."""
    dictionary = dictionary_of(template_value, template_dictionary_key, template_dictionary_value)
    asked = {
        "arch": arch or None,
        "require_dkms": require_dkms,
        "template_dictionary": dictionary or None,
        "link": link_of(link_path, link_etag, link_type),
    }
    changes = RecipeChanges.model_validate({key: value for key, value in asked.items() if value is not None})
    kept = {"name": name, "recipe_type": recipe_type, "linux_distribution": linux_distribution}
    print_record(_change(recipe_id, changes, kept, file), output)


@app.command("list", epilog=examples("ims recipes list", "ims recipes list --name 'sles*' --sort newest --limit 5"))
def list_recipes(
    name: NameFilter = "",
    sort: Sort = Order.CREATED,
    limit: Limit = None,
    output: FormatOption = None,
) -> None:
    """List the recipes."""
    print_records(selected(door().list(RecordKind.RECIPE), name, sort, limit), COLUMNS, output)


@app.command("describe", epilog=examples("ims recipes describe compute"))
def describe(recipe_id: RecipeId, output: FormatOption = None) -> None:
    """Show one recipe."""
    print_record(_recipe(recipe_id), output)


@app.command("download", epilog=examples("ims recipes download compute --directory old"))
def download(
    recipe_id: RecipeId,
    directory: Annotated[Path, typer.Option(help="Folder to put the archive into; made when missing.")] = Path(),
) -> None:
    """Download a recipe's archive, checked against the etag that it was linked with."""
    from cli.downloads import download_recipe
    from cli.objects import objects

    objects("a download")
    typer.echo(download_recipe(_recipe(recipe_id), directory))


def _recipe(given: str) -> Recipe:
    recipe: Recipe = door().get(RecordKind.RECIPE, record_id(RecordKind.RECIPE, given))
    return recipe


def _register(wanted: NewRecipe, file: Path | None) -> Recipe:
    if file is None:
        return door().create_recipe(wanted)
    if wanted.link is not None:
        raise BadInput("--file and --link-path name two archives", resolution="give one of them")
    _check(file)
    return door().create_recipe(wanted, lambda recipe_id: _upload(file, recipe_id))


def _change(given: str, changes: RecipeChanges, kept: dict[str, str], file: Path | None) -> Recipe:
    recipe = _recipe(given)
    for field, value in kept.items():
        if value and value != (present := getattr(recipe, field)):
            raise BadInput(
                f"--{field.replace('_', '-')} of recipe {recipe.id} is {present} and cannot be changed",
                resolution="register a new recipe",
            )
    if file is not None and recipe.link is not None:
        raise Conflict(
            f"recipe {recipe.id} ({recipe.name}) has its archive {recipe.link.path} already",
            resolution="register a new recipe for another archive",
        )
    link = _linked(changes.link, file, recipe.id)
    changes = changes.model_copy(update={"link": link})
    if not any(value is not None for value in changes.model_dump().values()):
        raise BadInput(
            "nothing to change is given", resolution="give --link-path, --file, --arch, --require-dkms or values"
        )
    return door().change_recipe(recipe.id, changes)


def _linked(link: Link | None, file: Path | None, recipe_id: str) -> Link | None:
    """Return the link that is asked for: to an object that is there, or to the file after its upload."""
    if file is None:
        return link
    if link is not None:
        raise BadInput("--file and --link-path name two archives", resolution="give one of them")
    _check(file)
    return _upload(file, recipe_id)


def _check(file: Path) -> None:
    """Refuse what is no recipe before anything is stored or uploaded."""
    from cli.objects import objects

    objects("an upload")
    if file.is_dir():
        return
    if not file.is_file():
        raise BadInput(f"the recipe {file} is neither a file nor a folder")
    _refuse_other_format(file)


def _upload(file: Path, recipe_id: str) -> Link:
    if file.is_dir():
        from ingest.leftovers import left_out
        from ingest.packed import pack_recipe
        from tasks.workspaces import ingest_limits

        with tempfile.TemporaryDirectory(prefix="ims-recipe-") as folder:
            archive = Path(folder) / f"{file.resolve().name}.tgz"
            if unused := pack_recipe(file, archive, ingest_limits()):
                typer.echo(left_out(unused), err=True)
            return _upload(archive, recipe_id)
    from storage.reconcile.ownership import recipe_marks
    from storage.s3.objects import object_store

    bucket, key = settings().bucket, recipe_key(recipe_id, file.name)
    with transfers() as progress:
        bar = progress.add_task(f"uploading {file.name}", total=file.stat().st_size)
        known = object_store().write_file(
            bucket,
            key,
            file,
            content_type="application/gzip",
            metadata=recipe_marks(recipe_id),
            on_progress=lambda sent: progress.advance(bar, sent),
        )
    return Link(path=f"s3://{bucket}/{key}", etag=known.etag)


def _refuse_other_format(file: Path) -> None:
    """Refuse what does not begin as a tar archive before it is uploaded; the job reads and checks the rest."""
    from ingest.formats import ISO_MAGIC_AT, is_tar, refuse_other_format

    with file.open("rb") as opened:
        begin = opened.read(2 * ISO_MAGIC_AT)
    if not is_tar(begin):
        refuse_other_format(begin, f"the recipe {file}")
        raise BadInput(
            f"the recipe {file} is not a tar archive",
            resolution="give the folder of the recipe, which is packed for you, or pack it: tar -C FOLDER -czf r.tgz .",
        )
