"""Public keys, recipes and images as clients see them, and what clients send to make and change them."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from storage.models.changes import LARGEST_METADATA_VALUE, ImageChanges, RecipeChanges
from storage.models.fields import Arch, Input, Name, RecipeType
from storage.models.records import Link, NewImage, NewRecipe, Record, TemplateValue


def _written(time: datetime) -> str:
    # As IMS writes it: Python before 3.11 cannot read a Z.
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).isoformat()


Time = Annotated[
    datetime, PlainSerializer(_written, return_type=str), WithJsonSchema({"type": "string", "format": "date-time"})
]


class Shown(BaseModel):
    """A stored record as a client sees it: the fields that are named here, and no others."""

    id: str
    created: Time

    @classmethod
    def of(cls, record: Record) -> "Shown":
        """Return a stored record as clients see it."""
        known: dict[str, Any] = {name: getattr(record, name) for name in cls.model_fields}
        return cls.model_construct(**known)


class ShownPublicKey(Shown):
    """A public key."""

    name: str
    public_key: str


class ShownRecipe(Shown):
    """A recipe."""

    name: str
    link: Link | None
    recipe_type: str
    linux_distribution: str
    template_dictionary: list[TemplateValue]
    require_dkms: bool
    arch: str


class ShownImage(Shown):
    """An image."""

    name: str
    link: Link | None
    arch: str
    metadata: dict[str, str]


class DeletedPublicKey(ShownPublicKey):
    """A deleted public key."""

    deleted: Time | None


class DeletedRecipe(ShownRecipe):
    """A deleted recipe."""

    deleted: Time | None


class DeletedImage(ShownImage):
    """A deleted image."""

    deleted: Time | None


class SentLink(Link):
    """Where an object lies in S3, as clients send it: the etag may be left out, the type may not."""

    type: Literal["s3"]


class SentRecipe(NewRecipe):
    """A recipe to register."""

    recipe_type: RecipeType
    link: SentLink | None = None


class SentMetadata(Input):
    """The one entry of metadata that an image is registered with."""

    key: Name
    value: Annotated[str, Field(max_length=LARGEST_METADATA_VALUE)]


_METADATA = {
    "anyOf": [
        {"$ref": "#/components/schemas/SentMetadata"},
        {"type": "object", "maxProperties": 0},
        {"type": "null"},
    ]
}


def _entry(metadata: object) -> object:
    """Return an object without a field as none: clients send the image's own `{}`."""
    return None if metadata == {} else metadata


class SentImage(Input):
    """An image to register."""

    name: Name
    link: SentLink | None = None
    arch: Arch = "x86_64"
    metadata: Annotated[SentMetadata | None, BeforeValidator(_entry), WithJsonSchema(_METADATA)] = None

    def as_new(self) -> NewImage:
        """Return the same as the other ways in have it."""
        entry = {self.metadata.key: self.metadata.value} if self.metadata else {}
        return NewImage(name=self.name, link=self.link, arch=self.arch, metadata=entry)


class RecipePatch(RecipeChanges):
    """The changes of a recipe."""

    link: SentLink | None = None


class ImagePatch(ImageChanges):
    """The changes of an image."""

    link: SentLink | None = None


class Undelete(Input):
    """What is done to a deleted record."""

    operation: Literal["undelete"]
