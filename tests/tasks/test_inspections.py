"""tasks/inspections.py: what was found is in the record, in the log, and on a page of the run."""

import logging

import pytest

from builder.contract.inspection import Finding as FoundInPod
from builder.contract.inspection import Inspection as Document
from builder.contract.inspection import Weight
from config.settings import settings
from storage.models.inspections import Finding
from storage.models.jobs import JobType
from storage.models.records import new_id
from storage.records.catalogue import Catalogue
from storage.s3.objects import ObjectStore
from tasks.inspections import inspection_key, keep_inspection, markdown
from tasks.jobs import take_job

WARNING = FoundInPod("machine-id", Weight.WARNING, "/etc/machine-id has an id", "empty it")
ERROR = FoundInPod("no-init", Weight.ERROR, "the image root has no init", "add one")


def test_what_was_found_is_in_the_record_and_in_the_log(
    own_catalogue: Catalogue, store: ObjectStore, caplog: pytest.LogCaptureFixture
) -> None:
    asked = {"artifact_id": new_id(), "public_key_id": new_id(), "image_root_archive_name": "image"}
    job = take_job.fn(new_id(), job_type=JobType.CREATE, **asked)
    keep_inspection(job)
    assert own_catalogue.jobs.get(job.id).inspection is None
    body = Document((ERROR, WARNING), entries=7).to_json()
    store.write(settings().bucket, inspection_key(job), body, content_type="application/json")
    with caplog.at_level(logging.WARNING, "tasks.inspections"):
        keep_inspection(job)
        keep_inspection(job)
    kept = own_catalogue.jobs.get(job.id).inspection
    assert kept is not None
    assert (kept.entries, [each.name for each in kept.findings]) == (7, ["no-init", "machine-id"])
    assert [(each.levelname, each.message) for each in caplog.records][:2] == [
        ("ERROR", "image root: no-init: the image root has no init (add one)"),
        ("WARNING", "image root: machine-id: /etc/machine-id has an id (empty it)"),
    ]


def test_a_page_shows_what_was_found_as_it_is() -> None:
    page = markdown([Finding(name="fstab", weight="warning", what="<b> `x` for /a_b", advice="see #1")])
    assert page.split("\n\n") == [
        "# What was found in the image root",
        "**warning: fstab.** \\<b\\> \\`x\\` for /a\\_b",
        "see \\#1\n",
    ]
