from storage.models.kinds import RecordKind
from storage.records.catalogue import Catalogue
from storage.s3.objects import ObjectStore


def test_the_records_of_every_kind_are_found_by_it(store: ObjectStore, bucket: str) -> None:
    catalogue = Catalogue(store, bucket)
    assert [catalogue.of(kind).kind for kind in RecordKind] == list(RecordKind)
    assert catalogue.of(RecordKind.JOB) is catalogue.jobs
