"""The catalogue: the records of all four kinds."""

from functools import cache

from config.settings import settings
from storage.models.jobs import Job
from storage.models.records import Image, PublicKey, Recipe
from storage.records.store import Records
from storage.s3.objects import ObjectStore, object_store


class Catalogue:
    """The records of all four kinds in one bucket."""

    def __init__(self, store: ObjectStore, bucket: str) -> None:
        self.public_keys = Records(store, bucket, "public-keys", PublicKey)
        self.recipes = Records(store, bucket, "recipes", Recipe)
        self.images = Records(store, bucket, "images", Image)
        self.jobs = Records(store, bucket, "jobs", Job)


@cache
def catalogue() -> Catalogue:
    """Return the catalogue that this process's settings name."""
    return Catalogue(object_store(), settings().bucket)
