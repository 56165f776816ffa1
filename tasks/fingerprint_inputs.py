"""The inputs of a fingerprint: what an image is made of, as it is found before any pod starts.

The rule: a fingerprint is made of the archive that the job's pods get, of all that is in it. Besides it there are only
the builder image, the metadata of repositories, the image that is customized, and the script. No secret is in it.
"""

import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Iterator
from typing import BinaryIO

from storage.models.fingerprint import Fingerprint, digest_of, folded
from storage.models.jobs import Job
from tasks.builder_images import identity_of
from tasks.ca_rpm import CaRpm
from tasks.contexts import BELOW, STEP, pack_changes, pack_description
from tasks.kiwi_config import KiwiConfig
from tasks.originals import Original
from tasks.repositories import Metadata
from tasks.scripts import Script, script_archive
from tasks.workspaces import scratch

Parts = list[tuple[str, str]]

# When the job was made: the only option that no two jobs share, and that no user asks for.
_EPOCH = "epoch"
# Of more files the folders are named.
MOST_FILES = 5000
_BLOCK_BYTES = 1 << 20
# Names of inputs by the names in the archive: of files, and of folders with all that is in them.
_NAMES = {"kiwi.yml": "kiwi configuration", "keys": "signing keys", "ca": "site CA", "boot_parameters": "parent image"}
_BUILDER, _PARENT = "builder image", "parent image"


def of_build(
    configuration: KiwiConfig, ca_rpm: CaRpm | None, metadata: Metadata, builder: str, job: Job
) -> Fingerprint:
    """Return the fingerprint of the image that a job builds from a recipe.

    Args:
        configuration: How the description is built here.
        ca_rpm: The RPM of the site's authorities; itself it is another one whenever it is made.
        metadata: The metadata of the repositories.
        builder: The builder image.
        job: The job.
    """
    with tempfile.TemporaryFile(dir=scratch(job.id)) as packed:
        pack_description(packed, configuration, {}, job, level=0)
        packed.seek(0)
        parts = parts_of(packed)
    parts += [(_NAMES["ca"], ca_rpm.digest)] if ca_rpm else []
    return Fingerprint.of([*parts, *metadata, (_BUILDER, digest_of(identity_of(builder)))])


def of_change(original: Original, script: Script, builder: str, job: Job) -> Fingerprint:
    """Return the fingerprint of the image that a script or a playbook makes of another one.

    Args:
        original: The other one.
        script: The script, whose archive was fetched.
        builder: The builder image.
        job: The job.
    """
    parts = parts_of(io.BytesIO(pack_changes(original.files, job)))
    with script_archive(job).open("rb") as packed:
        parts += [(f"{script.kind} {name}", digest) for name, digest in folded(_entries(packed), MOST_FILES)]
    rootfs = original.rootfs
    return Fingerprint.of(
        [
            *parts,
            (f"{script.kind} entry", digest_of([script.kind, script.entry])),
            (_PARENT, digest_of([rootfs.etag, rootfs.size, original.checksum])),
            (_BUILDER, digest_of(identity_of(builder))),
        ]
    )


def parts_of(packed: BinaryIO) -> Parts:
    """Return what is in a context archive, with the names of inputs."""
    files: dict[str, str] = {}
    parts: Parts = []
    for name, digest in _entries(packed).items():
        first, _, rest = name.partition("/")
        if first == BELOW:
            files[rest] = digest
        elif name == STEP:
            packed.seek(0)
            parts += _options(packed)
        else:
            parts.append((_NAMES.get(first, name), digest))
    return [*folded(files, MOST_FILES), *parts]


def _options(packed: BinaryIO) -> Iterator[tuple[str, str]]:
    with tarfile.open(fileobj=packed, mode="r:gz") as tar:
        file = tar.extractfile(STEP)
        options = json.loads(file.read()) if file else {}
    return ((f"option {name}", digest_of(value)) for name, value in sorted(options.items()) if name != _EPOCH)


def _entries(packed: BinaryIO) -> dict[str, str]:
    """Return the digests of all entries of an archive: of name, kind, mode, target and content."""
    with tarfile.open(fileobj=packed, mode="r:gz") as tar:
        return {entry.name: _digest(tar, entry) for entry in tar}


def _digest(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> str:
    content, file = hashlib.sha256(), tar.extractfile(entry) if entry.isreg() else None
    while file and (block := file.read(_BLOCK_BYTES)):
        content.update(block)
    return digest_of([entry.name, str(entry.type), entry.mode, entry.linkname, content.hexdigest()])
