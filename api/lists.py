"""Lists: whole unless a client asks for a page, oldest first, with filters that are strictly read."""

from collections.abc import Sequence
from typing import Annotated, TypeVar

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field

from errors import BadInput
from storage.models.fields import Arch
from storage.models.records import Record

R = TypeVar("R", bound=Record)

Limit = Annotated[int | None, Field(ge=1, le=100_000, description="At most so many records; left out: all.")]
Marker = Annotated[str, Field(max_length=64, description="The id of the last record of the page before.")]
NameFilter = Annotated[str | None, Field(max_length=1024, description="Only records of this name.")]
ArchFilter = Annotated[Arch | None, Field(description="Only records of this architecture.")]
MetadataFilter = Annotated[
    list[str], Field(description="Only images with this entry of metadata: KEY or KEY=VALUE; may be repeated.")
]


class Page(BaseModel):
    """What every list takes. An unknown parameter is refused: a misspelt filter would select everything."""

    model_config = ConfigDict(extra="forbid")

    limit: Limit = None
    marker: Marker = ""

    @property
    def is_whole(self) -> bool:
        """Whether it asks for all records."""
        return self == type(self)()

    def selects(self, record: Record) -> bool:
        """Return whether a record fits every filter."""
        return True


class PublicKeyList(Page):
    """Which public keys a list shows."""

    name: NameFilter = None

    def selects(self, record: Record) -> bool:
        """Return whether a record fits every filter."""
        return self.name in {None, getattr(record, "name", None)}


class RecipeList(PublicKeyList):
    """Which recipes a list shows."""

    arch: ArchFilter = None

    def selects(self, record: Record) -> bool:
        """Return whether a record fits every filter."""
        return super().selects(record) and self.arch in {None, getattr(record, "arch", None)}


class ImageList(RecipeList):
    """Which images a list shows."""

    metadata: MetadataFilter = []

    def selects(self, record: Record) -> bool:
        """Return whether a record fits every filter."""
        return super().selects(record) and all(_has(record, entry) for entry in self.metadata)


def page_of(records: Sequence[R], asked: Page, request: Request) -> tuple[Sequence[R], dict[str, str]]:
    """Return the records that a list shows, and the header that leads to the next page when there is one.

    Args:
        records: All records of the collection, in the order of lists.
        asked: What the client asks for.
        request: The request.

    Raises:
        BadInput: No record of the list has the marker's id.
    """
    if asked.is_whole:
        return records, {}
    selected = [record for record in records if asked.selects(record)]
    if asked.marker:
        known = [record.id for record in selected]
        if asked.marker not in known:
            raise BadInput(
                f"no record of this list has the marker {asked.marker!r}: it may be deleted",
                resolution="begin again without a marker",
            )
        selected = selected[known.index(asked.marker) + 1 :]
    if asked.limit is None or len(selected) <= asked.limit:
        return selected, {}
    shown = selected[: asked.limit]
    following = request.url.include_query_params(marker=shown[-1].id)
    return shown, {"Link": f'<{following.path}?{following.query}>; rel="next"'}


def _has(record: Record, entry: str) -> bool:
    metadata: dict[str, str] = getattr(record, "metadata", {})
    key, equals, value = entry.partition("=")
    return key in metadata and (not equals or metadata[key] == value)
