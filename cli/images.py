"""`ims images`: the images that jobs have built, and those that are registered by hand."""

from pathlib import Path
from typing import Annotated

import typer

from cli.deletions import add_deletion
from cli.links import LinkEtag, LinkType, link_of
from cli.output import Columns, FormatOption, print_record, print_records
from errors import BadInput
from storage.models.changes import ImageChanges, MetadataChange
from storage.models.kinds import RecordKind
from storage.models.records import NewImage

app = typer.Typer(help="Images: a kernel, an initrd and a root file system.", no_args_is_help=True)

COLUMNS: Columns = {
    "id": lambda image: image.id,
    "name": lambda image: image.name,
    "arch": lambda image: image.arch,
    "created": lambda image: image.created.isoformat(timespec="minutes"),
}
ARTIFACT_COLUMNS: Columns = {
    "type": lambda artifact: artifact.type,
    "path": lambda artifact: artifact.link.path,
    "md5": lambda artifact: artifact.md5,
}
ImageId = Annotated[str, typer.Argument(metavar="ID", help="The image's id.")]

LinkPath = Annotated[str, typer.Option(help="The manifest of its artifacts, in S3: s3://BUCKET/KEY.")]
MetadataKey = Annotated[str, typer.Option(help="Key of an entry of its metadata.")]
MetadataValue = Annotated[str | None, typer.Option(help="The value of that entry.", show_default=False)]

add_deletion(app, RecordKind.IMAGE)


@app.command("create")
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
    from storage.records.catalogue import catalogue
    from storage.records.registration import register_image
    from storage.s3.objects import object_store

    entry = _metadata_change("set", metadata_key, metadata_value)
    wanted = NewImage.model_validate(
        {
            "name": name,
            "arch": arch,
            "link": link_of(link_path, link_etag, link_type),
            "metadata": {entry.key: entry.value} if entry else {},
        }
    )
    print_record(register_image(object_store(), catalogue(), wanted), output)


@app.command("update")
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
    from storage.records.catalogue import catalogue
    from storage.records.registration import change_image
    from storage.s3.objects import object_store

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
    print_record(change_image(object_store(), catalogue(), image_id, changes), output)


@app.command("list")
def list_images(output: FormatOption = None) -> None:
    """List the images."""
    from storage.records.catalogue import catalogue

    print_records(catalogue().images.list(), COLUMNS, output)


@app.command("describe")
def describe(image_id: ImageId, output: FormatOption = None) -> None:
    """Show one image."""
    from storage.records.catalogue import catalogue

    print_record(catalogue().images.available(image_id), output)


@app.command("artifacts")
def artifacts(image_id: ImageId, output: FormatOption = None) -> None:
    """List what an image consists of, as its manifest says."""
    from storage.records.catalogue import catalogue
    from storage.records.images import read_manifest
    from storage.s3.objects import object_store

    manifest, _ = read_manifest(object_store(), catalogue().images.available(image_id))
    print_records(manifest.artifacts, ARTIFACT_COLUMNS, output)


@app.command("download")
def download(
    image_id: ImageId,
    directory: Annotated[Path, typer.Option(help="Folder to put the files into; made when missing.")] = Path(),
) -> None:
    """Download an image's manifest and artifacts, each checked against its checksum."""
    from cli.downloads import download_image
    from storage.records.catalogue import catalogue

    for file in download_image(catalogue().images.available(image_id), directory):
        typer.echo(file)


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
