"""`ims recipes`: descriptions that images are built from."""

import tempfile
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.deletions import add_deletion
from cli.output import Columns, FormatOption, print_record, print_records
from cli.progress import transfers
from config.settings import settings
from errors import BadInput, Conflict, NotFound
from storage.models.kinds import RecordKind
from storage.models.layout import recipe_key
from storage.models.records import Link, NewRecipe, Recipe, new_id

app = typer.Typer(help="Recipes that images are built from.", no_args_is_help=True)

COLUMNS: Columns = {
    "id": lambda recipe: recipe.id,
    "name": lambda recipe: recipe.name,
    "distribution": lambda recipe: recipe.linux_distribution,
    "arch": lambda recipe: recipe.arch,
}

add_deletion(app, RecordKind.RECIPE)


@app.command("create")
def create(
    name: Annotated[str, typer.Option(help="What the recipe is called in lists.")],
    linux_distribution: Annotated[str, typer.Option(help="sles12, sles15, centos7 or debian12.")],
    file: Annotated[
        Path | None,
        typer.Option(help="Recipe to upload: a .tgz archive, or a folder, which is packed.", show_default=False),
    ] = None,
    recipe_type: Annotated[str, typer.Option(help="kiwi-ng or packer.")] = "kiwi-ng",
    arch: Annotated[str, typer.Option(help="x86_64 or aarch64.")] = "x86_64",
    require_dkms: Annotated[bool, typer.Option(help="Whether builds compile kernel modules.")] = True,
    template_value: Annotated[
        list[str] | None,
        typer.Option(help="KEY=VALUE that template files are rendered with; repeat it for more.", show_default=False),
    ] = None,
    template_dictionary_key: Annotated[
        str,
        typer.Option(help="Keys A,B as `cray ims` takes them. A value with commas needs --template-value."),
    ] = "",
    template_dictionary_value: Annotated[str, typer.Option(help="The values 1,2 of those keys.")] = "",
    link_path: Annotated[str, typer.Option(help="Archive that is in S3 already: s3://BUCKET/KEY.")] = "",
    link_etag: Annotated[str, typer.Option(help="The etag it must have; its present one when left out.")] = "",
    link_type: Annotated[str, typer.Option(help="Always s3.")] = "s3",
    output: FormatOption = None,
) -> None:
    """Register a recipe, and upload its archive when --file names one."""
    pairs = [_pair(text) for text in template_value or []]
    pairs += _cray_pairs(template_dictionary_key, template_dictionary_value)
    wanted = NewRecipe.model_validate(
        {
            "name": name,
            "recipe_type": recipe_type,
            "linux_distribution": linux_distribution,
            "arch": arch,
            "require_dkms": require_dkms,
            "template_dictionary": [{"key": key, "value": value} for key, value in pairs],
            "link": {"path": link_path, "etag": link_etag, "type": link_type} if link_path else None,
        }
    )
    print_record(_register(wanted, file), output)


@app.command("list")
def list_recipes(output: FormatOption = None) -> None:
    """List the recipes."""
    from storage.records.catalogue import catalogue

    print_records(catalogue().recipes.list(), COLUMNS, output)


@app.command("describe")
def describe(
    recipe_id: Annotated[str, typer.Argument(metavar="ID", help="The recipe's id.")],
    output: FormatOption = None,
) -> None:
    """Show one recipe."""
    from storage.records.catalogue import catalogue

    print_record(catalogue().recipes.available(recipe_id), output)


def _register(wanted: NewRecipe, file: Path | None) -> Recipe:
    """Upload first, then write the record: a record never points at something that is not there."""
    from storage.records.catalogue import catalogue

    if file is not None and wanted.link is not None:
        raise BadInput("--file and --link-path name two archives", resolution="give one of them")
    recipe_id = new_id()
    link = wanted.link and _verified(wanted.link)
    if file is not None:
        link = _upload(file, recipe_id)
    fields: dict[str, Any] = wanted.model_dump(exclude={"link"})
    return catalogue().recipes.create(Recipe(**fields, id=recipe_id, link=link))


def _verified(link: Link) -> Link:
    """Return the link with the etag that its object has now."""
    from storage.s3.objects import object_store

    try:
        known = object_store().head(link.bucket, link.key)
    except NotFound as error:
        raise NotFound(f"{link.path} does not exist", resolution="upload the archive first, or use --file") from error
    if link.etag and link.etag.strip('"') != known.etag:
        raise Conflict(
            f"{link.path} has the etag {known.etag}, not {link.etag}",
            resolution="check which archive is meant; leave --link-etag out to take the present one",
        )
    return Link(path=link.path, etag=known.etag)


def _upload(file: Path, recipe_id: str) -> Link:
    if file.is_dir():
        from ingest.packing import pack

        with tempfile.TemporaryDirectory(prefix="ims-recipe-") as folder:
            archive = Path(folder) / f"{file.resolve().name}.tgz"
            with archive.open("wb") as packed:
                pack(file, packed)
            return _upload(archive, recipe_id)
    if not file.is_file():
        raise BadInput(f"the recipe {file} is neither a file nor a folder")

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


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise BadInput(f"--template-value {text} has no '='", resolution="write it as KEY=VALUE")
    return key, value


def _cray_pairs(keys: str, values: str) -> list[tuple[str, str]]:
    """Pair A,B with 1,2, the way `cray ims` writes a template dictionary."""
    if not keys and not values:
        return []
    pairs = list(zip_longest(keys.split(","), values.split(",")))
    if any(part is None for pair in pairs for part in pair):
        raise BadInput(
            "--template-dictionary-key and --template-dictionary-value have different numbers of entries",
            resolution="a value with commas is given by --template-value KEY=VALUE",
        )
    return pairs
