"""`ims images`: the images that jobs have built, and those that are registered by hand."""

from pathlib import Path
from typing import Annotated

import typer

from cli.deletions import add_deletion
from cli.door import door
from cli.examples import examples
from cli.links import LinkEtag, LinkType, link_of
from cli.names import record_id
from cli.output import Columns, FormatOption, moment, print_record, print_records
from cli.selection import Limit, NameFilter, Order, Sort, selected
from errors import BadInput
from storage.models.changes import ImageChanges, MetadataChange
from storage.models.kinds import RecordKind
from storage.models.records import Image, NewImage

app = typer.Typer(help="Images: a kernel, an initrd and a root file system.", no_args_is_help=True)

COLUMNS: Columns = {
    "id": lambda image: image.id,
    "name": lambda image: image.name,
    "arch": lambda image: image.arch,
    "created": lambda image: moment(image.created),
}
ARTIFACT_COLUMNS: Columns = {
    "type": lambda artifact: artifact.type,
    "path": lambda artifact: artifact.link.path,
    "md5": lambda artifact: artifact.md5,
}
ImageId = Annotated[str, typer.Argument(metavar="ID", help="The image: its id, the beginning of that, or its name.")]

LinkPath = Annotated[str, typer.Option(help="The manifest of its artifacts, in S3: s3://BUCKET/KEY.")]
MetadataKey = Annotated[str, typer.Option(help="Key of an entry of its metadata.")]
MetadataValue = Annotated[str | None, typer.Option(help="The value of that entry.", show_default=False)]

add_deletion(app, RecordKind.IMAGE)


@app.command("create", epilog=examples("ims images create --name compute --link-path s3://BUCKET/KEY/manifest.json"))
def create(
    name: Annotated[str, typer.Option(help="What the image is called in lists.")],
    arch: Annotated[str, typer.Option(help="x86_64 or aarch64.")] = "x86_64",
    link_path: LinkPath = "",
    link_etag: LinkEtag = "",
    link_type: LinkType = "s3",
    metadata_key: MetadataKey = "",
    metadata_value: MetadataValue = None,
    output: FormatOption = None,
) -> None:
    """Register an image; its manifest may be linked later, by `update`."""
    entry = _metadata_change("set", metadata_key, metadata_value)
    wanted = NewImage.model_validate(
        {
            "name": name,
            "arch": arch,
            "link": link_of(link_path, link_etag, link_type),
            "metadata": {entry.key: entry.value} if entry else {},
        }
    )
    print_record(door().create_image(wanted), output)


@app.command(
    "update",
    epilog=examples(
        "ims images update compute --metadata-key team --metadata-value storage",
        "ims images update ID --link-path s3://BUCKET/KEY/manifest.json",
    ),
)
def update(
    image_id: ImageId,
    arch: Annotated[str, typer.Option(help="x86_64 or aarch64.")] = "",
    link_path: LinkPath = "",
    link_etag: LinkEtag = "",
    link_type: LinkType = "s3",
    metadata_operation: Annotated[str, typer.Option(help="set or remove the entry of --metadata-key.")] = "",
    metadata_key: MetadataKey = "",
    metadata_value: MetadataValue = None,
    output: FormatOption = None,
) -> None:
    """Change an image: link its manifest, or set or remove an entry of its metadata."""
    asked = {
        "arch": arch or None,
        "link": link_of(link_path, link_etag, link_type),
        "metadata": _metadata_change(metadata_operation, metadata_key, metadata_value),
    }
    if not any(asked.values()):
        raise BadInput(
            "nothing to change is given", resolution="give --link-path, --arch, or --metadata-operation with its key"
        )
    changes = ImageChanges.model_validate(asked)
    print_record(door().change_image(record_id(RecordKind.IMAGE, image_id), changes), output)


@app.command("list", epilog=examples("ims images list", "ims images list --name 'compute*' --sort newest --limit 5"))
def list_images(
    name: NameFilter = "",
    sort: Sort = Order.CREATED,
    limit: Limit = None,
    output: FormatOption = None,
) -> None:
    """List the images."""
    print_records(selected(door().list(RecordKind.IMAGE), name, sort, limit), COLUMNS, output)


@app.command("describe", epilog=examples("ims images describe compute"))
def describe(image_id: ImageId, output: FormatOption = None) -> None:
    """Show one image."""
    print_record(_image(image_id), output)


@app.command("artifacts", epilog=examples("ims images artifacts compute"))
def artifacts(image_id: ImageId, output: FormatOption = None) -> None:
    """List what an image consists of, as its manifest says."""
    from cli.objects import objects
    from storage.records.images import read_manifest

    manifest, _ = read_manifest(objects("reading a manifest"), _image(image_id))
    print_records(manifest.artifacts, ARTIFACT_COLUMNS, output)


@app.command("download", epilog=examples("ims images download compute --directory boot"))
def download(
    image_id: ImageId,
    directory: Annotated[Path, typer.Option(help="Folder to put the files into; made when missing.")] = Path(),
) -> None:
    """Download an image's manifest and artifacts, each checked against its checksum."""
    from cli.downloads import download_image
    from cli.objects import objects

    objects("a download")
    for file in download_image(_image(image_id), directory):
        typer.echo(file)


def _image(given: str) -> Image:
    image: Image = door().get(RecordKind.IMAGE, record_id(RecordKind.IMAGE, given))
    return image


def _metadata_change(operation: str, key: str, value: str | None) -> MetadataChange | None:
    if not key and value is None and operation in {"", "set"}:
        return None
    if not key:
        raise BadInput("--metadata-key is missing", resolution="give the key of the entry")
    if operation != "remove" and value is None:
        raise BadInput(
            f"--metadata-value of {key} is missing", resolution="give it; it may be empty: --metadata-value ''"
        )
    return MetadataChange.model_validate({"operation": operation or "set", "key": key, "value": value or ""})
