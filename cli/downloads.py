"""Downloading an image: its manifest and artifacts, several at a time, each checked against its checksum."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from rich.progress import Progress

from cli.progress import transfers
from errors import Broken, Conflict, Corrupt, Interrupted, NotFound
from storage.models.manifest import MANIFEST_NAME
from storage.models.records import Image, Link, Recipe
from storage.records.images import read_manifest
from storage.s3.objects import object_store

# The network is the limit, not the number of streams.
AT_A_TIME = 4


@dataclass(frozen=True)
class Wanted:
    """An object to download, the file it becomes, and the md5 it must have (empty: that of its S3 metadata)."""

    link: Link
    file: Path
    md5: str


def download_image(image: Image, directory: Path) -> list[Path]:
    """Download an image's manifest and all its artifacts, and return the files.

    A file that is there already with the right content is left alone.

    Raises:
        NotFound: The image has no manifest, or an object is gone.
        Conflict: A file of the same name and other content is there.
        Corrupt: The manifest is not one, or an object is not what the manifest says.
    """
    manifest, body = read_manifest(object_store(), image)
    wanted = [_wanted(artifact.link, artifact.md5, directory) for artifact in manifest.artifacts]
    manifest_file = directory / MANIFEST_NAME
    _refuse_same_names([*(one.file for one in wanted), manifest_file])
    _refuse_other_content(manifest_file, hashlib.md5(body, usedforsecurity=False).hexdigest())
    missing = [one for one in wanted if not _is_there(one)]
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _download_all(missing)
        manifest_file.write_bytes(body)
    except OSError as error:
        raise Broken(f"cannot write to {directory}: {error.strerror}") from error
    return [*(one.file for one in wanted), manifest_file]


def download_recipe(recipe: Recipe, directory: Path) -> Path:
    """Download a recipe's archive, and return the file. One that is there already is never overwritten.

    Raises:
        NotFound: The recipe has no archive, or it is gone.
        Conflict: A file of its name is there, or the archive is another one than was linked.
    """
    if recipe.link is None:
        raise NotFound(
            f"recipe {recipe.id} ({recipe.name}) has no archive",
            resolution=f"upload one with `ims recipes update {recipe.id} --file FOLDER_OR_TGZ`",
        )
    wanted = _wanted(recipe.link, "", directory)
    if wanted.file.exists():
        raise Conflict(f"{wanted.file} exists already", resolution="move it away, or choose another --directory")
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Broken(f"cannot write to {directory}: {error.strerror}") from error
    _download_all([wanted])
    return wanted.file


def _wanted(link: Link, md5: str, directory: Path) -> Wanted:
    name = link.key.rpartition("/")[2]
    if name in {"", ".", ".."}:
        raise Corrupt(f"the record names {link.path}, which cannot be the name of a file")
    return Wanted(link, directory / name, md5)


def _refuse_same_names(files: list[Path]) -> None:
    if twice := sorted({str(file) for file in files if files.count(file) > 1}):
        raise Conflict(f"the manifest has several artifacts that would become {', '.join(twice)}")


def _is_there(wanted: Wanted) -> bool:
    """Tell whether the file is there already with the right content."""
    if not wanted.file.exists():
        return False
    md5 = wanted.md5 or object_store().head(wanted.link.bucket, wanted.link.key).metadata.get("md5sum", "").lower()
    _refuse_other_content(wanted.file, md5)
    return True


def _refuse_other_content(file: Path, md5: str) -> None:
    if not file.exists():
        return
    try:
        with file.open("rb") as opened:
            present = hashlib.file_digest(opened, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except OSError as error:
        raise Conflict(f"{file} is in the way: {error.strerror}", resolution="choose another --directory") from error
    if present != md5:
        raise Conflict(
            f"{file} exists with other content",
            resolution="move it away, or choose another --directory",
        )


def _download_all(missing: list[Wanted]) -> None:
    given_up = Event()
    with transfers() as progress, ThreadPoolExecutor(AT_A_TIME) as pool:
        running = [pool.submit(_download, one, progress, given_up) for one in missing]
        try:
            for download in running:
                download.result()
        except BaseException:
            # Ctrl-C or the first error: the others stop at their next block.
            given_up.set()
            pool.shutdown(cancel_futures=True)
            raise


def _download(wanted: Wanted, progress: Progress, given_up: Event) -> None:
    link, file = wanted.link, wanted.file
    bar = progress.add_task(file.name, total=object_store().head(link.bucket, link.key).size)

    def advance(received: int) -> None:
        if given_up.is_set():
            raise Interrupted(f"the download of {link.path} was given up")
        progress.advance(bar, received)

    received = object_store().download(link.bucket, link.key, file, etag=link.etag, on_progress=advance)
    if wanted.md5 and received.md5 != wanted.md5:
        file.unlink()
        raise Corrupt(f"{link.path} has the md5 {received.md5}, not {wanted.md5} as the manifest says")
