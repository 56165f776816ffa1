"""A scene for tests of what is left behind: jobs with flow runs that Prefect knows, and what they have put into S3."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import State
from prefect.states import Crashed, Running

from config.settings import Settings
from storage.models.jobs import Job, JobStatus, JobType
from storage.models.layout import artifact_key, recipe_key
from storage.models.manifest import Artifact, ArtifactType, Manifest
from storage.models.records import Image, Link, Recipe, new_id
from storage.models.shells import CUSTOMIZE, Address, ConnectionInfo, SshContainer
from storage.reconcile.findings import Finding
from storage.reconcile.ownership import image_marks, recipe_marks
from storage.records.catalogue import Catalogue
from storage.records.jobs import image_id_of, report_shell
from storage.records.shell_orders import open_orders
from storage.s3.objects import ObjectStore

ARTIFACTS = {"rootfs": ArtifactType.ROOTFS, "kernel": ArtifactType.KERNEL, "initrd": ArtifactType.INITRD}
NO_AGE = timedelta(0)
HOUR = timedelta(hours=1)


@flow(name="reconciled")
def _work() -> None:
    """What the runs are runs of; nobody runs it."""


@dataclass
class Scene:
    """Buckets, records and flow runs of one test."""

    store: ObjectStore
    settings: Settings
    catalogue: Catalogue
    prefect: SyncPrefectClient

    def run(self) -> str:
        """Make a flow run that is at work, and return its id."""
        return str(self.prefect.create_flow_run(_work, state=Running()).id)

    def end(self, run_id: str, state: State[None] | None = None) -> None:
        """Let a flow run's process be killed, or come to another end."""
        self.prefect.set_flow_run_state(UUID(run_id), state or Crashed(), force=True)

    def job(self, status: JobStatus = JobStatus.BUILDING_IMAGE, *, run_id: str = "") -> Job:
        """Make the record of a job; without a run of its own its run is one that Prefect does not know."""
        job_id = run_id or new_id()
        return self.catalogue.jobs.create(
            Job(
                id=job_id,
                job_type=JobType.CREATE,
                artifact_id=new_id(),
                public_key_id=new_id(),
                image_root_archive_name="image",
                status=status,
                flow_run_id=job_id,
            )
        )

    def shell(self, job: Job, limit: timedelta) -> Job:
        """Open a job's shell, and return the job's record."""
        open_orders(self.store, self.settings.bucket, job.id, "shell", limit)
        access = ConnectionInfo(customer_access=Address(host="127.0.0.1", port=22))
        shell = SshContainer(name=CUSTOMIZE, status="running", connection_info=access)
        return report_shell(self.catalogue, job, shell, status=JobStatus.WAITING_ON_USER)

    def upload(self, job_id: str) -> Image:
        """Put a job's artifacts and manifest into S3, and return the image's record, which is not stored."""
        image_id, bucket = image_id_of(job_id), self.settings.boot_images_bucket
        marks = image_marks(image_id, job_id, "image")
        artifacts = []
        for name, type_ in ARTIFACTS.items():
            key, body = artifact_key(image_id, name), name.encode() * 100
            md5 = hashlib.md5(body).hexdigest()
            etag = self.store.write(bucket, key, body, metadata={**marks, "md5sum": md5})
            artifacts.append(Artifact(link=Link(path=f"s3://{bucket}/{key}", etag=etag), type=type_, md5=md5))
        key = artifact_key(image_id, "manifest.json")
        body = Manifest(artifacts=artifacts).model_dump_json().encode()
        etag = self.store.write(bucket, key, body, metadata=marks)
        return Image(id=image_id, name="image", link=Link(path=f"s3://{bucket}/{key}", etag=etag))

    def image(self) -> Image:
        """Publish an image, whose job is forgotten."""
        return self.catalogue.images.create(self.upload(new_id()))

    def archive(self, recipe_id: str) -> Link:
        """Put a recipe's archive into S3, as `ims recipes create --file` does."""
        bucket, key = self.settings.bucket, recipe_key(recipe_id, "recipe.tgz")
        etag = self.store.write(bucket, key, b"archive", metadata=recipe_marks(recipe_id))
        return Link(path=f"s3://{bucket}/{key}", etag=etag)

    def recipe(self) -> Recipe:
        """Register a recipe with its archive."""
        recipe_id = new_id()
        link = self.archive(recipe_id)
        return self.catalogue.recipes.create(
            Recipe(id=recipe_id, name="recipe", linux_distribution="sles15", link=link)
        )

    def keys(self) -> set[str]:
        """Return all keys but those of the records."""
        buckets = (self.settings.bucket, self.settings.boot_images_bucket)
        return {key for bucket in buckets for key in self.store.keys(bucket, "") if not key.startswith("records/")}


def told(findings: list[Finding]) -> dict[str, str]:
    """Return what was found, by the end of its name, and what became of it."""
    return {finding.what.rpartition("/")[2]: str(finding.outcome) for finding in findings}
