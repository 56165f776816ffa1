"""Context archives: all that the pods of a job are given, in one small file fetched by a presigned URL."""

import hashlib
import io
import json
from dataclasses import dataclass
from typing import Any

from ingest.packing import pack
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
    packed = io.BytesIO()
    step = json.dumps(options(job), sort_keys=True).encode()
    pack(description_folder(job), packed, below="description", also={"step.json": step})
    archive = packed.getvalue()
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
