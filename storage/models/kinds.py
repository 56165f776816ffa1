"""The kinds of records, and what depends on the kind, in one table."""

from enum import StrEnum
from typing import Literal, Self

from storage.models.jobs import Job
from storage.models.records import Image, PublicKey, Recipe, Record
from storage.models.remote_build_nodes import RemoteBuildNode


class RecordKind(StrEnum):
    """A kind of record; its value is its name on the command line and in the parameters of flows.

    Args:
        noun: The kind in a sentence.
        documents: The kind in the keys of its sixteen documents, and the noun of `ims`.
        model: The model of its records.
    """

    noun: str
    documents: str
    model: type[Record]

    def __new__(cls, value: str, noun: str, documents: str, model: type[Record]) -> Self:
        """Make a member of a row of the table."""
        kind = str.__new__(cls, value)
        kind._value_ = value
        kind.noun, kind.documents, kind.model = noun, documents, model
        return kind

    PUBLIC_KEY = "public-key", "public key", "public-keys", PublicKey
    RECIPE = "recipe", "recipe", "recipes", Recipe
    IMAGE = "image", "image", "images", Image
    JOB = "job", "job", "jobs", Job
    REMOTE_BUILD_NODE = "remote-build-node", "remote build node", "remote-build-nodes", RemoteBuildNode


# What can be deleted so that it can be restored.
DeletableKind = Literal[RecordKind.IMAGE, RecordKind.RECIPE, RecordKind.PUBLIC_KEY]
DELETABLE_KINDS: tuple[DeletableKind, ...] = (RecordKind.PUBLIC_KEY, RecordKind.RECIPE, RecordKind.IMAGE)
