"""`ims images`: listing and downloading the images that jobs have built."""

from pathlib import Path
from typing import Annotated

import typer

from cli.deletions import add_deletion
from cli.output import Columns, FormatOption, print_record, print_records
from storage.models.kinds import RecordKind

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

add_deletion(app, RecordKind.IMAGE)


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
