"""Context archives: all that the pods of a job are given, in one small file fetched by a presigned URL."""

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.layout import job_key
from storage.models import Job
from storage.objects import object_store
from storage.settings import settings
from tasks.recipes import description_folder
from tasks.retries import retryable


@dataclass(frozen=True)
class Context:
    """A staged context archive."""

    key: str
    sha256: str


@retryable
def stage_context(job: Job) -> Context:
    """Put the rendered description and the options of the steps into S3, for the job's pods.

    Safe to repeat: the archive of the same description is the same, bit for bit.
    """
    archive = pack(description_folder(job), options(job))
    context = Context(job_key(job.id, "context.tgz"), hashlib.sha256(archive).hexdigest())
    object_store().write(settings().ims_bucket, context.key, archive, content_type="application/gzip")
    return context


def options(job: Job) -> dict[str, Any]:
    """Return what the programs in the pods are told beyond the description."""
    chosen = settings()
    return {
        "arch": job.arch,
        "kernel_file_name": job.kernel_file_name,
        "initrd_file_name": job.initrd_file_name,
        "kernel_parameters_file_name": job.kernel_parameters_file_name,
        "squashfs": {"compressor": chosen.squashfs_compressor, "level": chosen.squashfs_level},
        # The squashfs of the same root is the same; the job's own time says when it was made.
        "epoch": int(job.created.timestamp()),
    }


def pack(description: Path, step: dict[str, Any]) -> bytes:
    """Pack a description as `description/` and the options as `step.json`; owners and times are left out."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as tar,
    ):
        for path in [description, *sorted(description.rglob("*"))]:
            name = Path("description") / path.relative_to(description)
            tar.add(path, str(name), recursive=False, filter=_anonymous)
        body = json.dumps(step, sort_keys=True).encode()
        entry = tarfile.TarInfo("step.json")
        entry.size = len(body)
        tar.addfile(entry, io.BytesIO(body))
    return packed.getvalue()


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mtime = 0
    return entry
