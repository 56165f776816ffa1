"""The door to the catalogue: what commands read and change, by the stores or by the REST API.

Commands are written once, for both. What needs objects (uploads, downloads, logs) needs S3 in either case: the REST API
of IMS carries records alone.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from config.settings import settings
from storage.models.changes import ImageChanges, RecipeChanges
from storage.models.jobs import Job, JobType
from storage.models.kinds import DeletableKind, RecordKind
from storage.models.records import Image, Link, NewImage, NewPublicKey, NewRecipe, PublicKey, Recipe


class Door(Protocol):
    """What every command can do with records."""

    def list(self, kind: RecordKind) -> Sequence[Any]:
        """Return the records of a kind that are not deleted, the oldest first."""
        ...

    def list_deleted(self, kind: DeletableKind) -> Sequence[Any]:
        """Return those that are deleted, or are being deleted, restored or removed."""
        ...

    def get(self, kind: RecordKind, record_id: str) -> Any:
        """Return a record that is not deleted.

        Raises:
            NotFound: There is none of this id, or it is deleted.
        """
        ...

    def get_deleted(self, kind: DeletableKind, record_id: str) -> Any:
        """Return a record that is deleted, or is being deleted, restored or removed.

        Raises:
            NotFound, Conflict: There is none of this id, or it is not deleted.
        """
        ...

    def create_public_key(self, wanted: NewPublicKey) -> PublicKey:
        """Register a public key."""
        ...

    def create_image(self, wanted: NewImage) -> Image:
        """Register an image."""
        ...

    def create_recipe(self, wanted: NewRecipe, upload: Callable[[str], Link] | None = None) -> Recipe:
        """Register a recipe; `upload` puts its archive into S3 for the id that it gets."""
        ...

    def change_image(self, record_id: str, changes: ImageChanges) -> Image:
        """Change an image."""
        ...

    def change_recipe(self, record_id: str, changes: RecipeChanges) -> Recipe:
        """Change a recipe."""
        ...

    def delete(self, kind: DeletableKind, record_id: str, *, force: bool) -> None:
        """Delete a record so that it can be restored."""
        ...

    def restore(self, kind: DeletableKind, record_id: str) -> None:
        """Restore a deleted record."""
        ...

    def remove(self, kind: DeletableKind, record_id: str, *, force: bool) -> None:
        """Remove a deleted record for good."""
        ...

    def start_job(self, job_type: JobType, fields: Mapping[str, Any]) -> tuple[Job, str]:
        """Start a job, and return it with the address of its run (empty: not known)."""
        ...

    def delete_jobs(self, jobs: Sequence[Job]) -> None:
        """Delete jobs that have ended, with their logs."""
        ...

    def is_running(self, job: Job) -> bool:
        """Tell whether a run works on a job that has not ended, as far as can be known."""
        ...


def door() -> Door:
    """Return the door that the settings choose: the REST API when IMS_API_URL names one, else the stores."""
    if settings().client.url is not None:
        from cli.api_door import ApiDoor

        return ApiDoor.of_settings()
    from cli.store_door import StoreDoor

    return StoreDoor()


def is_by_api() -> bool:
    """Tell whether the commands talk to the REST API."""
    return settings().client.url is not None
