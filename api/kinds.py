"""What the API calls the kinds of records, and the form that clients see each in."""

from dataclasses import dataclass, replace

from api.lists import ImageList, Page, PublicKeyList, RecipeList
from api.models.records import (
    DeletedImage,
    DeletedPublicKey,
    DeletedRecipe,
    Shown,
    ShownImage,
    ShownPublicKey,
    ShownRecipe,
)
from storage.models.kinds import DeletableKind, RecordKind


@dataclass(frozen=True)
class Resource:
    """A kind of record that the API has.

    Args:
        kind: The kind.
        asks: What its lists take.
        shown: What clients see of a record.
        shown_deleted: What clients see of a deleted record.
        adjective: What its records are called besides the kind's noun.
    """

    kind: DeletableKind
    asks: type[Page]
    shown: type[Shown]
    shown_deleted: type[Shown]
    adjective: str = ""

    @property
    def path(self) -> str:
        """The path of its collection."""
        return f"/{self.kind.documents}"

    @property
    def noun(self) -> str:
        """What one of its records is called."""
        return f"{self.adjective} {self.kind.noun}".strip()

    @property
    def name(self) -> str:
        """The same in the names of operations."""
        return self.noun.replace(" ", "_")

    @property
    def of_deleted(self) -> "Resource":
        """The same kind, of records that are deleted."""
        return replace(self, shown=self.shown_deleted, adjective="deleted")


PUBLIC_KEYS = Resource(RecordKind.PUBLIC_KEY, PublicKeyList, ShownPublicKey, DeletedPublicKey)
RECIPES = Resource(RecordKind.RECIPE, RecipeList, ShownRecipe, DeletedRecipe)
IMAGES = Resource(RecordKind.IMAGE, ImageList, ShownImage, DeletedImage)
RESOURCES = (PUBLIC_KEYS, RECIPES, IMAGES)
