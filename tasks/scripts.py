"""Scripts and playbooks, which customize an image without a user."""

import hashlib
import logging
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

from builder.contract.inputs import ScriptInput
from config.settings import settings
from errors import BadInput
from ingest.packing import pack
from ingest.script import check_entry, unpack_script
from storage.models.jobs import Job, JobStatus
from storage.models.layout import SCRIPTS_PREFIX, job_key
from storage.models.records import Link
from storage.s3.object_info import ObjectInfo
from storage.s3.objects import object_store
from tasks.jobs import report
from tasks.pods import run_step
from tasks.retries import retryable
from tasks.workspaces import fresh, ingest_limits, scratch

logger = logging.getLogger(__name__)

# The file to begin with in an archive, unless the job names one.
ENTRIES = {
    "script": ("run.sh",),
    "playbook": ("site.yml", "site.yaml", "playbook.yml", "playbook.yaml"),
}
# The pod ends the script at its limit, then makes the initrd again; its deadline is for the case that it does not end.
SLACK = timedelta(minutes=40)


@dataclass(frozen=True)
class Script:
    """A script or a playbook, handed in for a job's pod.

    Args:
        kind: Script or playbook: the builder's program of that name runs it.
        key: The archive of its folder.
        sha256: The archive's digest, in hexadecimal.
        entry: The path in it of the file to begin with.
    """

    kind: Literal["script", "playbook"]
    key: str
    sha256: str
    entry: str


@retryable
def fetch_script(job: Job) -> Script | None:
    """Fetch the script or playbook of a job, see that it can be run, and hand it in for the job's pod.

    Safe to repeat: the archive of the same content is the same, bit for bit.

    Returns:
        None when a user customizes the image.

    Raises:
        NotFound: It is not in S3.
        BadInput: It is refused, too big or in a place of this service's own, or has no such file to begin with.
    """
    if not job.is_unattended:
        return None
    kind: Literal["script", "playbook"] = "script" if job.script else "playbook"
    link = Link(path=job.script or job.playbook)
    here = scratch(job.id)
    file, folder, archive = here / "script.download", fresh(here / "script"), script_archive(job)
    _refuse_place(link)
    _refuse_size(object_store().head(link.bucket, link.key))
    fetched = object_store().download(link.bucket, link.key, file)
    logger.info("fetched %s: %d bytes, sha256 %s", link.path, fetched.size, fetched.sha256)
    entries = (job.script_entry,) if job.script_entry else ENTRIES[kind]
    entry = unpack_script(file, link.key.rpartition("/")[2], folder, entries, ingest_limits(file))
    if kind == "script":
        check_entry(folder, entry)
    with archive.open("w+b") as packed:
        pack(folder, packed)
        packed.seek(0)
        sha256 = hashlib.file_digest(packed, "sha256").hexdigest()
    key = job_key(job.id, "script.tgz")
    object_store().write_file(settings().bucket, key, archive, content_type="application/gzip", metadata={})
    return Script(kind, key, sha256, entry)


def script_archive(job: Job) -> Path:
    """Return where the archive of the folder of a job's script is, once it was fetched."""
    return scratch(job.id) / "script.tgz"


@retryable
def run_script(script: Script, job: Job) -> None:
    """Run a script or playbook on the job's image root.

    Safe to repeat: one that has ended well is not run again, one that was cut off begins again on the root as it was.

    Raises:
        StepFailed: It failed, did not end in time, or left processes running; its last lines are in the diagnosis.
    """
    report(job, status=JobStatus.BUILDING_IMAGE)
    limit = settings().limits.script
    told = ScriptInput(
        url=object_store().presigned_get(settings().bucket, script.key, limit + SLACK),
        sha256=script.sha256,
        entry=script.entry,
        seconds=int(limit.total_seconds()),
    )
    run_step(job, "script", script.kind, told, deadline=limit + SLACK, privileged=True)


def _refuse_place(link: Link) -> None:
    """Refuse the service's own objects: a job must not show, as its script, the input of another job's pods."""
    if link.key.endswith("/"):
        raise BadInput(f"{link.path} is no object")
    if link.bucket == settings().bucket and not link.key.startswith(SCRIPTS_PREFIX):
        raise BadInput(
            f"{link.path} is not below s3://{link.bucket}/{SCRIPTS_PREFIX}",
            resolution="upload the script with `ims scripts upload`, or put it into a bucket of your own",
        )


def _refuse_size(script: ObjectInfo) -> None:
    if script.size > settings().recipes.bytes:
        raise BadInput(
            f"{script.uri} has {script.size} bytes, more than the limit of {settings().recipes.bytes} bytes",
            resolution="make it smaller, or raise IMS_RECIPE_BYTES",
        )
