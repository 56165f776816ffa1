"""Records and their objects, as tests of the rules of storage put them into S3."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from config.settings import Settings
from storage.models.jobs import Job, JobStatus, JobType
from storage.models.layout import artifact_key, recipe_key
from storage.models.manifest import Artifact, ArtifactType, Manifest
from storage.models.records import Image, Link, Recipe, new_id
from storage.reconcile.ownership import image_marks, recipe_marks
from storage.records.catalogue import Catalogue
from storage.records.jobs import image_id_of
from storage.s3.objects import ObjectStore

TYPES = {"rootfs": ArtifactType.ROOTFS, "kernel": ArtifactType.KERNEL}


@dataclass(frozen=True)
class Stored:
    """The buckets and the catalogue of one test."""

    store: ObjectStore
    settings: Settings
    catalogue: Catalogue

    @property
    def buckets(self) -> tuple[str, str]:
        """The bucket of the records, and that of the images."""
        return self.settings.bucket, self.settings.boot_images_bucket

    def artifact(self, key: str, *, job_id: str = "", image_id: str = "") -> Artifact:
        """Write an artifact, and return how a manifest lists it."""
        name = key.rpartition("/")[2]
        body = name.encode()
        md5 = hashlib.md5(body).hexdigest()
        marks = image_marks(image_id, job_id, "image") if job_id else {}
        bucket = self.settings.boot_images_bucket
        etag = self.store.write(bucket, key, body, metadata={**marks, "md5sum": md5})
        link = Link(path=f"s3://{bucket}/{key}", etag=etag)
        return Artifact(link=link, type=TYPES.get(name, ArtifactType.INITRD), md5=md5)

    def manifest(self, image_id: str, body: bytes, *, job_id: str = "") -> Link:
        """Write the manifest of an image, and return the link to it."""
        bucket, key = self.settings.boot_images_bucket, artifact_key(image_id, "manifest.json")
        marks = image_marks(image_id, job_id, "image") if job_id else {}
        return Link(path=f"s3://{bucket}/{key}", etag=self.store.write(bucket, key, body, metadata=marks))

    def uploaded(self, *, job_id: str = "", names: Iterable[str] = TYPES) -> Image:
        """Write the artifacts and the manifest that a job makes; return the image's record, which is not stored."""
        job_id = job_id or new_id()
        image_id = image_id_of(job_id)
        artifacts = [self.artifact(artifact_key(image_id, name), job_id=job_id, image_id=image_id) for name in names]
        body = Manifest(artifacts=artifacts).model_dump_json().encode()
        return Image(id=image_id, name="image", link=self.manifest(image_id, body, job_id=job_id))

    def image(self) -> Image:
        """Store an image with its artifacts and its manifest."""
        return self.catalogue.images.create(self.uploaded())

    def archive(self, recipe_id: str) -> Link:
        """Write the archive of a recipe, and return the link to it."""
        bucket, key = self.settings.bucket, recipe_key(recipe_id, "recipe.tgz")
        etag = self.store.write(bucket, key, b"archive", metadata=recipe_marks(recipe_id))
        return Link(path=f"s3://{bucket}/{key}", etag=etag)

    def recipe(self) -> Recipe:
        """Store a recipe with its archive."""
        recipe_id = new_id()
        record = Recipe(id=recipe_id, name="recipe", linux_distribution="sles15", link=self.archive(recipe_id))
        return self.catalogue.recipes.create(record)

    def job(self, *logs: Link) -> Job:
        """Store the record of a job that has ended."""
        record = Job(
            job_type=JobType.CREATE,
            artifact_id=new_id(),
            public_key_id=new_id(),
            image_root_archive_name="image",
            status=JobStatus.SUCCESS,
            logs=list(logs),
        )
        return self.catalogue.jobs.create(record)

    def uris(self) -> set[str]:
        """Return the URIs of all objects but the documents of the records."""
        found = {f"s3://{bucket}/{key}" for bucket in self.buckets for key in self.store.keys(bucket, "")}
        return {uri for uri in found if not uri.startswith(f"s3://{self.settings.bucket}/records/")}

    def clear(self) -> None:
        """Remove all objects and all records."""
        for bucket in self.buckets:
            for key in list(self.store.keys(bucket, "")):
                self.store.delete(bucket, key)
