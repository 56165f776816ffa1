"""The door to the catalogue by the stores: records in S3, runs of Prefect."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from errors import Conflict, NotFound
from flows.deployments import DELETE_JOBS, HARD_DELETE, SOFT_DELETE, UNDELETE
from runs.server_address import prefect_api_url
from storage.models.changes import ImageChanges, RecipeChanges
from storage.models.jobs import Job, JobType
from storage.models.kinds import DeletableKind, RecordKind
from storage.models.records import (
    Collection,
    Image,
    Link,
    NewImage,
    NewPublicKey,
    NewRecipe,
    PublicKey,
    Recipe,
    new_id,
)
from storage.records import registration
from storage.records.catalogue import catalogue
from storage.s3.objects import object_store


class StoreDoor:
    """The records of this process's settings. Prefect is imported only where a run is needed: that takes a second."""

    def list(self, kind: RecordKind) -> Sequence[Any]:
        """Return the records of a kind that are not deleted, the oldest first."""
        return catalogue().of(kind).list()

    def list_deleted(self, kind: DeletableKind) -> Sequence[Any]:
        """Return those that are deleted, or are being deleted, restored or removed."""
        every = catalogue().of(kind).list(None)
        return [record for record in every if record.collection is not Collection.AVAILABLE]

    def get(self, kind: RecordKind, record_id: str) -> Any:
        """Return a record that is not deleted."""
        records = catalogue().of(kind)
        return records.get(record_id) if kind is RecordKind.JOB else records.available(record_id)

    def get_deleted(self, kind: DeletableKind, record_id: str) -> Any:
        """Return a record that is deleted, or is being deleted, restored or removed."""
        record = catalogue().of(kind).get(record_id)
        if record.collection is Collection.AVAILABLE:
            raise Conflict(f"{kind.noun} {record.id} is not deleted")
        return record

    def create_public_key(self, wanted: NewPublicKey) -> PublicKey:
        """Register a public key."""
        return catalogue().public_keys.create(PublicKey(**wanted.model_dump()))

    def create_image(self, wanted: NewImage) -> Image:
        """Register an image."""
        return registration.register_image(object_store(), catalogue(), wanted)

    def create_recipe(self, wanted: NewRecipe, upload: Callable[[str], Link] | None = None) -> Recipe:
        """Upload first, then write the record: a record never points at something that is not there."""
        recipe_id = new_id()
        if upload is not None:
            wanted = wanted.model_copy(update={"link": upload(recipe_id)})
        return registration.register_recipe(object_store(), catalogue(), wanted, recipe_id)

    def change_image(self, record_id: str, changes: ImageChanges) -> Image:
        """Change an image."""
        return registration.change_image(object_store(), catalogue(), record_id, changes)

    def change_recipe(self, record_id: str, changes: RecipeChanges) -> Recipe:
        """Change a recipe."""
        return registration.change_recipe(object_store(), catalogue(), record_id, changes)

    def delete(self, kind: DeletableKind, record_id: str, *, force: bool) -> None:
        """Delete a record so that it can be restored."""
        _run(SOFT_DELETE, {"kind": kind, "record_id": record_id, "force": force})

    def restore(self, kind: DeletableKind, record_id: str) -> None:
        """Restore a deleted record."""
        _run(UNDELETE, {"kind": kind, "record_id": record_id})

    def remove(self, kind: DeletableKind, record_id: str, *, force: bool) -> None:
        """Remove a deleted record for good."""
        _run(HARD_DELETE, {"kind": kind, "record_id": record_id, "force": force})

    def start_job(self, job_type: JobType, fields: Mapping[str, Any]) -> tuple[Job, str]:
        """Check a job, start its run, make its record, and return it with the run's address."""
        from flows import job_start
        from runs.client import connected

        chosen = job_start.checked(object_store(), catalogue(), job_type, dict(fields))
        with connected(prefect_api_url()) as runs:
            job = job_start.start(runs, catalogue(), job_type, chosen)
            return job, runs.address(job.id)

    def delete_jobs(self, jobs: Sequence[Job]) -> None:
        """Delete jobs that have ended, with their logs."""
        _run(DELETE_JOBS, {"job_ids": [job.id for job in jobs]})

    def is_running(self, job: Job) -> bool:
        """Tell whether a run works on a job that has not ended, as far as can be known."""
        from runs.client import connected

        with connected(prefect_api_url()) as runs:
            try:
                return not runs.read_run(job.flow_run_id or job.id).state.is_final
            except NotFound:
                # It may be a run of another Prefect server, and still be running.
                return True


def _run(deployment: str, parameters: Mapping[str, Any]) -> None:
    # Importing Prefect takes more than a second.
    from cli.runs import run_to_its_end

    run_to_its_end(deployment, parameters)
