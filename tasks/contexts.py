"""Context archives: the files for the pods of a job, in one small archive that is fetched by a presigned URL.

Credentials of repositories are no part of it: they are an object of their own, which only the pod that runs kiwi
fetches, and which is removed when the job ends.
"""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

from builder.contract.inspection import WEIGHTS
from builder.contract.options import Options, Squashfs
from config.settings import settings
from errors import BadInput
from ingest.packing import pack, pack_files
from storage.models.jobs import Job
from storage.models.layout import credentials_key, job_key
from storage.s3.objects import object_store
from tasks.ca_rpm import authority_files, site_certificates
from tasks.kiwi_config import KiwiConfig
from tasks.recipes import description_folder
from tasks.retries import retryable

# The names in an archive: of the options, and of the folder of the description.
STEP = "step.json"
BELOW = "description"


@dataclass(frozen=True)
class Context:
    """A staged context archive; `credentials_key` is empty when no repository needs any."""

    key: str
    sha256: str
    credentials_key: str = ""


@retryable
def stage_context(configuration: KiwiConfig, ca_rpm: Mapping[str, bytes], job: Job) -> Context:
    """Put the rendered description, the site's files and the options of the steps into S3, for the job's pods.

    Safe to repeat: the archive of the same content is the same, bit for bit.

    Args:
        configuration: How the description is built here.
        ca_rpm: The files of the RPM of the site's authorities; none when there is none.
        job: The job.
    """
    store, bucket = object_store(), settings().bucket
    packed = io.BytesIO()
    pack_description(packed, configuration, ca_rpm, job)
    secrets_key = credentials_key(job.id) if configuration.credentials else ""
    if secrets_key:
        secrets = json.dumps([each.to_values() for each in configuration.credentials]).encode()
        store.write(bucket, secrets_key, secrets, content_type="application/json")
    return _stage(packed.getvalue(), job, secrets_key)


def pack_description(
    file: BinaryIO, configuration: KiwiConfig, ca_rpm: Mapping[str, bytes], job: Job, **how: Any
) -> None:
    """Write the archive of what builds an image root, but for secrets: the image's fingerprint is made of it, too.

    Args:
        file: The file to write.
        configuration: As stage_context.
        ca_rpm: As stage_context.
        job: The job.
        how: Further arguments of `ingest/packing.py:pack`.
    """
    step = replace(options(job), kiwi=configuration.options())
    also = {STEP: step.to_json(), **configuration.files(), **ca_rpm}
    pack(description_folder(job), file, below=BELOW, also=also, **how)


@retryable
def stage_changes(files: Mapping[str, bytes], job: Job) -> Context:
    """Put what the pods of a job that customizes an image need into S3: options, the site's authorities, further files.

    Safe to repeat: the archive of the same content is the same, bit for bit.

    Args:
        files: The files' content by their names in the archive: the image's kernel parameters.
        job: The job.
    """
    return _stage(pack_changes(files, job), job)


def pack_changes(files: Mapping[str, bytes], job: Job) -> bytes:
    """Return the archive of what changes an image: the fingerprint of the new one is made of it, too."""
    # What kiwi leaves in a root is not there any more: a file of such a name is the user's.
    step = replace(options(job), left_out=("run/*", "tmp/*")).to_json()
    authorities = authority_files([certificate.pem for certificate in site_certificates()])
    return pack_files({STEP: step, **authorities, **files})


def _stage(archive: bytes, job: Job, secrets_key: str = "") -> Context:
    context = Context(job_key(job.id, "context.tgz"), hashlib.sha256(archive).hexdigest(), secrets_key)
    object_store().write(settings().bucket, context.key, archive, content_type="application/gzip")
    return context


def options(job: Job) -> Options:
    """Return the options of a job's steps."""
    chosen = settings()
    return Options(
        arch=job.arch,
        kernel_file_name=job.kernel_file_name,
        initrd_file_name=job.initrd_file_name,
        kernel_parameters_file_name=job.kernel_parameters_file_name,
        squashfs=Squashfs(chosen.squashfs.compressor, chosen.squashfs.level),
        # The squashfs of the same root is the same; the job's own time says when it was made.
        epoch=int(job.created.timestamp()),
        rebuild_initrd=job.rebuild_initrd,
        kernel_choice=chosen.roots.kernel_choice,
        weights=_weights(),
    )


def _weights() -> dict[str, str]:
    """Return which findings have other weights here.

    Raises:
        BadInput: There are no such findings.
    """
    weights = settings().roots.weights()
    if unknown := sorted(weights.keys() - WEIGHTS.keys()):
        raise BadInput(
            f"IMS_FINDINGS names {', '.join(unknown)}, which the inspection of an image root does not have",
            resolution=f"name some of {', '.join(WEIGHTS)} (docs/inspection.md)",
        )
    return weights
