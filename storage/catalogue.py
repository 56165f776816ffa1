"""The catalogue: the records of all four kinds."""

from functools import cache

from storage.job_models import Job
from storage.models import Image, PublicKey, Recipe
from storage.objects import ObjectStore, object_store
from storage.records import Records
from storage.settings import settings


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
    return Catalogue(object_store(), settings().ims_bucket)
