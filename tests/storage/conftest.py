import pytest

from config.settings import Settings
from storage.records.catalogue import Catalogue
from storage.s3.objects import ObjectStore
from tests.storage.stored import Stored


@pytest.fixture
def stored(store: ObjectStore, s3_settings: Settings) -> Stored:
    """Records and their objects in the buckets of this test."""
    return Stored(store, s3_settings, Catalogue(store, s3_settings.bucket))
