"""The catalogue: the records of all kinds."""

from functools import cache
from typing import Any

from config.settings import settings
from storage.models.jobs import Job
from storage.models.kinds import RecordKind
from storage.models.records import Image, PublicKey, Recipe
from storage.models.remote_build_nodes import RemoteBuildNode
from storage.records.store import Records
from storage.s3.objects import ObjectStore, object_store


class Catalogue:
    """The records of all kinds in one bucket."""

    def __init__(self, store: ObjectStore, bucket: str) -> None:
        self.public_keys = Records(store, bucket, RecordKind.PUBLIC_KEY, PublicKey)
        self.recipes = Records(store, bucket, RecordKind.RECIPE, Recipe)
        self.images = Records(store, bucket, RecordKind.IMAGE, Image)
        self.jobs = Records(store, bucket, RecordKind.JOB, Job)
        self.remote_build_nodes = Records(store, bucket, RecordKind.REMOTE_BUILD_NODE, RemoteBuildNode)
        self._of: dict[RecordKind, Records[Any]] = {
            records.kind: records
            for records in (self.public_keys, self.recipes, self.images, self.jobs, self.remote_build_nodes)
        }

    def of(self, kind: RecordKind) -> Records[Any]:
        """Return the records of a kind."""
        return self._of[kind]


@cache
def catalogue() -> Catalogue:
    """Return the catalogue that this process's settings name."""
    return Catalogue(object_store(), settings().bucket)
