"""`ims scripts`: scripts and playbooks in S3, for unattended jobs and for schedules."""

import hashlib
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from cli.examples import examples
from cli.progress import transfers
from config.settings import settings
from errors import BadInput, NotFound
from storage.models.layout import script_key

app = typer.Typer(help="Scripts and playbooks that customize images without a user.", no_args_is_help=True)


@app.command("upload", epilog=examples("ims scripts upload harden.sh"))
def upload(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A script, an archive, or a folder, which is packed.")],
) -> None:
    """Put a script or playbook into S3, and print the address by which jobs and schedules name it."""
    typer.echo(uploaded(str(file)))


def uploaded(given: str) -> str:
    """Return a script's address in S3; a file or a folder is uploaded first.

    Raises:
        BadInput: There is no such file.
        NotFound: There is nothing at the address.
    """
    from storage.models.records import Link
    from storage.s3.objects import object_store

    if given.startswith("s3://"):
        link = Link(path=given)
        object_store().head(link.bucket, link.key)
        return given
    file = Path(given)
    if file.is_dir():
        return _packed(file)
    if not file.is_file():
        raise BadInput(f"{given} is neither a file nor a folder")
    return _upload(file)


def uploaded_playbook(given: str, entry: str) -> tuple[str, str]:
    """Return the address of a playbook and the file to begin with: of a file that lies in a folder, all of that.

    Args:
        given: A folder, an archive, a playbook's own file, or an address in S3.
        entry: The file to begin with; empty when it is not said.
    """
    file = Path(given)
    if given.startswith("s3://") or not file.is_file() or file.suffix not in {".yml", ".yaml"}:
        return uploaded(given), entry
    if entry:
        raise BadInput(f"{given} and --script-entry {entry} both name the file to begin with", resolution="give one")
    folder = file.resolve().parent
    typer.echo(f"uploading the playbook's folder {folder} with all its files", err=True)
    return uploaded(str(folder)), file.name


def _packed(folder: Path) -> str:
    from ingest.leftovers import left_out
    from ingest.packed import pack_script
    from tasks.workspaces import ingest_limits

    if folder.resolve() in {Path("/"), Path.home(), Path(tempfile.gettempdir())}:
        raise BadInput(f"{folder} holds more than a script", resolution="put the script into a folder of its own")
    with tempfile.TemporaryDirectory(prefix="ims-script-") as scratch:
        archive = Path(scratch) / f"{folder.resolve().name}.tgz"
        if unused := pack_script(folder, archive, ingest_limits()):
            typer.echo(left_out(unused), err=True)
        return _upload(archive)


def _upload(file: Path) -> str:
    """Upload a file under a key made of its checksum, unless it is there already."""
    from storage.s3.objects import object_store

    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    store, bucket, key = object_store(), settings().bucket, script_key(digest, file.name)
    try:
        store.head(bucket, key)
    except NotFound:
        with transfers() as progress:
            bar = progress.add_task(f"uploading {file.name}", total=file.stat().st_size)
            store.write_file(
                bucket,
                key,
                file,
                content_type="application/octet-stream",
                on_progress=lambda sent: progress.advance(bar, sent),
            )
    return f"s3://{bucket}/{key}"
