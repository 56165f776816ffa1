"""The records: public keys, recipes and images, field for field those of IMS v3 plus what it lacks.

Those of jobs are in jobs.py.

There are two families: `New…` models hold input (unknown fields are refused), the records hold what is stored
(unknown fields are kept, so that a record written by a newer release survives an older one).
"""

from collections import Counter
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Literal
from uuid import uuid4

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from config.distributions import LinuxDistribution
from storage.models.fields import Arch, Id, Input, Name, RecipeType, S3Path, SshPublicKey
from storage.s3.addresses import split_uri


def new_id() -> str:
    """Return a fresh record id: a random UUID in its canonical spelling."""
    return str(uuid4())


def now() -> datetime:
    """Return the present time in UTC."""
    return datetime.now(UTC)


class Collection(StrEnum):
    """The state of a record. One write changes it and keeps every other field.

    While its objects move, a record is in transition: `deleting` ends as `deleted`, `restoring` as `available`, and
    `erasing` with the removal of the record.
    """

    AVAILABLE = "available"
    DELETING = "deleting"
    DELETED = "deleted"
    RESTORING = "restoring"
    ERASING = "erasing"

    @property
    def is_transition(self) -> bool:
        """Whether objects of the record move."""
        return self in {Collection.DELETING, Collection.RESTORING, Collection.ERASING}


def _bare_etag(value: object) -> object:
    """Return an etag as it is compared: S3 sends it in quotes, and some clients write null for none."""
    if value is None:
        return ""
    if isinstance(value, str) and value.isalnum():
        return value
    return value.strip().removeprefix("W/").strip('"') if isinstance(value, str) else value


def _s3_if_null(value: object) -> object:
    return "s3" if value is None else value


Etag = Annotated[str, BeforeValidator(_bare_etag)]


class Link(BaseModel):
    """Where an object lies in S3, and the etag it had when it was linked (empty: not checked)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: S3Path
    etag: Etag = ""
    type: Annotated[Literal["s3"], BeforeValidator(_s3_if_null)] = "s3"

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return split_uri(self.path)[0]

    @property
    def key(self) -> str:
        """The object's key in its bucket."""
        return split_uri(self.path)[1]


class Move(BaseModel):
    """An object that moves when its record is deleted, and back when the record is restored.

    Args:
        source: Its address now.
        target: Its address then.
        etag: Its etag.
        size: Its size in bytes.
        md5: The md5 that it carries, if it does: a server may give a copy another etag.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: S3Path
    target: S3Path
    etag: str
    size: int
    md5: str = ""

    @property
    def back(self) -> "Move":
        """The move that undoes this one."""
        return self.model_copy(update={"source": self.target, "target": self.source})


class Journal(BaseModel):
    """What a deletion has moved or is about to move, so that any run can finish or undo it.

    Args:
        link: The record's link before the deletion.
        moves: Its objects.
        missing: Objects that were gone; the deletion went on without them.
        flow_run_id: The run that works on it; empty when none does.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    link: Link | None = None
    moves: list[Move] = []
    missing: list[S3Path] = []
    flow_run_id: str = ""


class Record(BaseModel):
    """What every stored record has. Lists of one process share records: none is changed, only copied."""

    model_config = ConfigDict(extra="allow", frozen=True)

    id: Id = Field(default_factory=new_id)
    created: datetime = Field(default_factory=now)
    collection: Collection = Collection.AVAILABLE
    deleted: datetime | None = None
    journal: Journal | None = None

    @property
    def digest(self) -> str:
        """What tells two states of the record apart."""
        return sha256(self.model_dump_json().encode()).hexdigest()


class NewPublicKey(Input):
    """A public key to register."""

    name: Name
    public_key: SshPublicKey


class PublicKey(NewPublicKey, Record):
    """A registered SSH public key, byte for byte as it was handed in: clients look keys up by equality.

    It is checked when it is registered, and when a job names it (storage/records/public_keys.py): a key of another
    service's, or of an earlier release, can be listed and deleted whatever it is.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    public_key: str


class TemplateValue(Input):
    """One entry of a template dictionary."""

    key: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=255)]
    value: Annotated[str, Field(max_length=65536)]


# A document holds the dictionaries of many recipes, and each list of recipes reads it. Real ones have up to 50 entries.
MOST_TEMPLATE_VALUES = 1000
LONGEST_TEMPLATE_DICTIONARY = 1 << 20
_MOST_NAMED = 5


def _countable(dictionary: object) -> object:
    # Before the entries are read: each wrong one is a line of the answer.
    if isinstance(dictionary, list) and len(dictionary) > MOST_TEMPLATE_VALUES:
        raise ValueError(f"has {len(dictionary)} entries, more than {MOST_TEMPLATE_VALUES}")
    return dictionary


def _unique_keys(dictionary: list[TemplateValue]) -> list[TemplateValue]:
    counts = Counter(entry.key for entry in dictionary)
    if twice := sorted(key for key, count in counts.items() if count > 1):
        others = f" and {len(twice) - _MOST_NAMED} others" if len(twice) > _MOST_NAMED else ""
        raise ValueError(f"names {', '.join(twice[:_MOST_NAMED])}{others} more than once")
    return dictionary


def _short(dictionary: list[TemplateValue]) -> list[TemplateValue]:
    length = sum(len(entry.key) + len(entry.value) for entry in dictionary)
    if length > LONGEST_TEMPLATE_DICTIONARY:
        raise ValueError(f"has {length} characters, more than {LONGEST_TEMPLATE_DICTIONARY}")
    return dictionary


_StoredDictionary = Annotated[list[TemplateValue], AfterValidator(_unique_keys)]
# The limits are those of the door: what an earlier release has stored stays readable.
TemplateDictionary = Annotated[
    _StoredDictionary,
    BeforeValidator(_countable),
    AfterValidator(_short),
    Field(json_schema_extra={"maxItems": MOST_TEMPLATE_VALUES}),
]


class NewRecipe(Input):
    """A recipe to register."""

    name: Name
    recipe_type: RecipeType = "kiwi-ng"
    linux_distribution: LinuxDistribution
    link: Link | None = None
    template_dictionary: TemplateDictionary = Field(default_factory=list)
    require_dkms: bool = True
    arch: Arch = "x86_64"


class Recipe(NewRecipe, Record):
    """A registered recipe: a kiwi-ng description as a tar archive in S3, with the values it is rendered with."""

    model_config = ConfigDict(extra="allow", frozen=True)

    template_dictionary: _StoredDictionary = Field(default_factory=list)


class NewImage(Input):
    """An image to register; its link leads to the manifest of its artifacts."""

    name: Name
    link: Link | None = None
    arch: Arch = "x86_64"
    metadata: dict[str, str] = Field(default_factory=dict)


class Image(NewImage, Record):
    """A registered image.

    Args:
        inputs_digest: The digest of its fingerprint, the document of all that it was made of; empty when it has none.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    inputs_digest: str = ""
