"""Conditional reads: whatever becomes of a request, what is returned is what the object holds now."""

import pytest
from pydantic import AnyHttpUrl

from config.settings import Settings
from errors import ImsError
from storage.s3.conditional_reads import Version
from storage.s3.errors import BucketMissing
from storage.s3.objects import ObjectStore
from tests.faults import BODY_FAULTS, NOT_DONE, Fault, Faults
from tests.memory_s3.fixtures import on_both


@on_both
def test_each_object_is_asked_for_on_condition_of_its_known_version(store: ObjectStore, bucket: str) -> None:
    etags = {key: store.write(bucket, key, key.encode()) for key in ("same", "changed", "new")}
    changed = store.write(bucket, "changed", b"changed since")
    known = {"same": etags["same"], "changed": etags["changed"], "new": "", "missing": "", "gone": "0" * 32}
    found = store.read_changed(bucket, known)
    # A server in memory is asked without a condition.
    assert found["same"] in {None, Version(etags["same"], b"same")}
    assert {key: found[key] for key in known if key != "same"} == {
        "changed": Version(changed, b"changed since"),
        "new": Version(etags["new"], b"new"),
        "missing": Version(),
        "gone": Version(),
    }


@on_both
def test_a_missing_bucket_is_no_missing_object(store: ObjectStore) -> None:
    with pytest.raises(BucketMissing, match="s3://no-such-bucket"):
        store.read_changed("no-such-bucket", {"x": ""})


def test_a_known_version_is_not_sent_again(store: ObjectStore, bucket: str) -> None:
    etag = store.write(bucket, "x", b"x")
    assert store.read_changed(bucket, {"x": etag}) == {"x": None}


def test_a_file_of_certificates_that_cannot_be_read_is_boto3s_to_report(
    s3_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", "/nowhere/ca.pem")
    secure = s3_settings.s3.model_copy(update={"endpoint_url": AnyHttpUrl("https://127.0.0.1:9"), "attempts": 1})
    with pytest.raises(ImsError):
        ObjectStore(secure).read_changed("b", {"x": ""})


@pytest.mark.slow
@pytest.mark.parametrize("fault", sorted(NOT_DONE | BODY_FAULTS), ids=lambda fault: fault.name)
def test_no_fault_mixes_up_or_withholds_an_answer(
    store: ObjectStore, faulty_store: ObjectStore, proxy: Faults, bucket: str, fault: Fault
) -> None:
    contents = {f"key-{number}": f"content {number}".encode() * 9 for number in range(16)}
    etags = {key: store.write(bucket, key, content) for key, content in contents.items()}
    expected = {key: Version(etags[key], content) for key, content in contents.items()}
    for first in (1, 7, 16):
        proxy.clear()
        proxy.plan(fault, nth=first, times=2)
        assert faulty_store.read_changed(bucket, dict.fromkeys(contents, "")) == expected
    # The connections that are kept are in order.
    proxy.clear()
    assert faulty_store.read_changed(bucket, etags) == dict.fromkeys(contents)
