"""The door to the catalogue by the REST API (IMS_API_URL): the same commands, without S3 or Prefect.

The API of IMS has no objects, logs, orders to shells or cancelling: what needs those says so.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from cli.api_client import ApiClient
from cli.hints import hint
from cli.objects import objects
from config.settings import settings
from errors import BadInput
from storage.models.changes import ImageChanges, RecipeChanges
from storage.models.jobs import Job, JobType
from storage.models.kinds import DeletableKind, RecordKind
from storage.models.records import Collection, Image, Link, NewImage, NewPublicKey, NewRecipe, PublicKey, Recipe

# What a job may ask for that IMS's API does not have.
_NOT_IN_API = ("profiles", "script", "playbook", "script_entry", "rebuild_initrd")


class ApiDoor:
    """The records as the REST API shows them.

    Args:
        client: Asks the API.
    """

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    @classmethod
    def of_settings(cls) -> "ApiDoor":
        """Return the door that the settings name."""
        return cls(ApiClient.of(settings()))

    def list(self, kind: RecordKind) -> Sequence[Any]:
        """Return the records of a kind that are not deleted, the oldest first."""
        return [_read(kind, each) for each in self._client.call("GET", kind.documents)]

    def list_deleted(self, kind: DeletableKind) -> Sequence[Any]:
        """Return those that are deleted, or are being deleted, restored or removed."""
        return [_read_deleted(kind, each) for each in self._client.call("GET", f"deleted/{kind.documents}")]

    def get(self, kind: RecordKind, record_id: str) -> Any:
        """Return a record that is not deleted."""
        return _read(kind, self._client.call("GET", f"{kind.documents}/{record_id}"))

    def get_deleted(self, kind: DeletableKind, record_id: str) -> Any:
        """Return a record that is deleted, or is being deleted, restored or removed."""
        return _read_deleted(kind, self._client.call("GET", f"deleted/{kind.documents}/{record_id}"))

    def create_public_key(self, wanted: NewPublicKey) -> PublicKey:
        """Register a public key."""
        return PublicKey.model_validate(self._client.call("POST", "public-keys", wanted.model_dump(mode="json")))

    def create_image(self, wanted: NewImage) -> Image:
        """Register an image."""
        sent = wanted.model_dump(mode="json")
        # The API takes one entry, as IMS does; the command has no more.
        sent["metadata"] = next(({"key": key, "value": value} for key, value in wanted.metadata.items()), None)
        return Image.model_validate(self._client.call("POST", "images", sent))

    def create_recipe(self, wanted: NewRecipe, upload: Callable[[str], Link] | None = None) -> Recipe:
        """Register a recipe. The API gives the id, by which the archive is uploaded: then the archive is linked."""
        if upload is not None:
            objects("an upload")
        recipe = Recipe.model_validate(self._client.call("POST", "recipes", wanted.model_dump(mode="json")))
        if upload is None:
            return recipe
        try:
            return self.change_recipe(recipe.id, RecipeChanges(link=upload(recipe.id)))
        except BaseException:
            hint(f"Recipe {recipe.id} has no archive yet. Upload it with: ims recipes update {recipe.id} --file FILE")
            raise

    def change_image(self, record_id: str, changes: ImageChanges) -> Image:
        """Change an image."""
        return Image.model_validate(self._client.call("PATCH", f"images/{record_id}", _given(changes)))

    def change_recipe(self, record_id: str, changes: RecipeChanges) -> Recipe:
        """Change a recipe."""
        return Recipe.model_validate(self._client.call("PATCH", f"recipes/{record_id}", _given(changes)))

    def delete(self, kind: DeletableKind, record_id: str, *, force: bool) -> None:
        """Delete a record so that it can be restored."""
        self._client.call("DELETE", f"{kind.documents}/{record_id}", force=force)

    def restore(self, kind: DeletableKind, record_id: str) -> None:
        """Restore a deleted record."""
        self._client.call("PATCH", f"deleted/{kind.documents}/{record_id}", {"operation": "undelete"})

    def remove(self, kind: DeletableKind, record_id: str, *, force: bool) -> None:
        """Remove a deleted record for good."""
        self._client.call("DELETE", f"deleted/{kind.documents}/{record_id}", force=force)

    def start_job(self, job_type: JobType, fields: Mapping[str, Any]) -> tuple[Job, str]:
        """Start a job; the API does not tell the address of its run."""
        if missing := [name for name in _NOT_IN_API if fields.get(name)]:
            raise BadInput(
                f"{', '.join(missing)}: the REST API of IMS does not have this",
                resolution="start the job where S3 and Prefect are reached, without IMS_API_URL",
            )
        sent = {"job_type": job_type, **fields}
        if "require_dkms" in sent:
            sent["require_dkms"] = sent["require_dkms"] == "yes"
        return Job.model_validate(self._client.call("POST", "jobs", sent)), ""

    def delete_jobs(self, jobs: Sequence[Job]) -> None:
        """Delete jobs that have ended, with their logs."""
        for job in jobs:
            self._client.call("DELETE", f"jobs/{job.id}")

    def is_running(self, job: Job) -> bool:
        """Tell whether a job has not ended: the API would cancel its run, if one works on it."""
        return not job.status.is_final


def _given(changes: BaseModel) -> dict[str, Any]:
    return changes.model_dump(mode="json", exclude_none=True)


def _read(kind: RecordKind, shown: Any) -> Any:
    return kind.model.model_validate(shown)


def _read_deleted(kind: DeletableKind, shown: Any) -> Any:
    """Return a deleted record: one without a time is on its way there or back, and the API does not tell which."""
    collection = Collection.DELETED if shown.get("deleted") else Collection.DELETING
    return kind.model.model_validate({**shown, "collection": collection})
