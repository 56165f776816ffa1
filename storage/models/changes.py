"""What a user may change in a recipe, an image or a job: the fields of IMS v3's PATCH."""

from typing import Annotated, Literal

from pydantic import Field

from storage.models.fields import Arch, Id, Input, Name
from storage.models.jobs import JobStatus
from storage.models.records import Link, TemplateDictionary

# With the largest of these, a document of records stays readable in one go.
LARGEST_METADATA_VALUE = 65536


class MetadataChange(Input):
    """One entry of an image's metadata to set or to remove; removing what is not there is no error."""

    operation: Literal["set", "remove"]
    key: Name
    value: Annotated[str, Field(max_length=LARGEST_METADATA_VALUE)] = ""


class RecipeChanges(Input):
    """The changes of a recipe; a field that is left out or null stays as it is."""

    link: Link | None = None
    arch: Arch | None = None
    require_dkms: bool | None = None
    template_dictionary: TemplateDictionary | None = None


class ImageChanges(Input):
    """The changes of an image; a field that is left out or null stays as it is."""

    link: Link | None = None
    arch: Arch | None = None
    metadata: MetadataChange | None = None


class JobUpdate(Input):
    """The changes of a job that a client may make; a field that is left out or null stays as it is."""

    status: JobStatus | None = None
    resultant_image_id: Id | None = None
