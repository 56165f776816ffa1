"""tasks/fingerprints.py: only what is known to be the same is unchanged."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from config.settings import Settings
from ingest.description import Repository
from storage.models.fingerprint import Fingerprint
from storage.models.jobs import Job
from storage.models.layout import artifact_key
from storage.models.records import Collection, Image
from storage.records.catalogue import Catalogue
from storage.records.fingerprints import write_fingerprint
from storage.records.jobs import image_id_of
from storage.s3.objects import ObjectStore
from tasks.fingerprints import confirm_repositories, fingerprint_build, outcome_of, unchanged_image
from tasks.repositories import ask_repositories
from tests import http_server
from tests.http_server import HttpServer
from tests.storage.stored import Stored
from tests.tasks.builds import CANARY, Build, job


@pytest.fixture
def stored(own_catalogue: Catalogue, store: ObjectStore, s3_settings: Settings, offline: pytest.MonkeyPatch) -> Stored:
    return Stored(store, s3_settings, own_catalogue)


FINGERPRINT = Fingerprint.of([("config.xml", "1"), ("root/etc/motd", "1")])


def publish(stored: Stored, fingerprint: Fingerprint | None = FINGERPRINT, **fields: Any) -> Image:
    image = stored.uploaded()
    digest = write_fingerprint(stored.store, stored.buckets[1], image.id, fingerprint, {})
    return stored.catalogue.images.create(image.model_copy(update={"inputs_digest": digest} | fields))


def compared(stored: Stored, fingerprint: Fingerprint = FINGERPRINT) -> tuple[Image | None, Job]:
    """Compare with the newest image; return what was found, and the job's record then."""
    asked = stored.catalogue.jobs.create(job())
    return unchanged_image.fn(fingerprint, asked), stored.catalogue.jobs.get(asked.id)


def test_an_image_of_the_same_is_unchanged_and_is_the_jobs_result(stored: Stored) -> None:
    image = publish(stored)
    found, record = compared(stored)
    assert (found, record.resultant_image_id, record.changed_inputs) == (image, image.id, [])
    assert outcome_of(image, record.id) == f"unchanged: image {image.id} (image)"


def test_what_has_changed_is_in_the_jobs_record_and_in_the_outcome(stored: Stored) -> None:
    publish(stored)
    later = Fingerprint.of([("config.xml", "1"), ("root/etc/motd", "2"), ("repository http://h", "")])
    found, record = compared(stored, later)
    assert found is None
    assert record.changed_inputs == ["repository http://h (it is not known)", "root/etc/motd"]
    made = Image(id=image_id_of(record.id), name="image")
    assert outcome_of(made, record.id) == f"built image {made.id} (image); changed: {', '.join(record.changed_inputs)}"


BUILT: dict[str, Callable[[Stored], object]] = {
    "no image of the name": lambda stored: publish(stored, name="another"),
    "an image of another architecture": lambda stored: publish(stored, arch="aarch64"),
    "a deleted image": lambda stored: publish(stored, collection=Collection.DELETED),
    "an image that is being deleted": lambda stored: publish(stored, collection=Collection.DELETING),
    "an image without a fingerprint": lambda stored: publish(stored, None),
    "an image that lacks an artifact": lambda stored: stored.store.delete(
        stored.buckets[1], artifact_key(publish(stored).id, "kernel")
    ),
    "an older image of the same": lambda stored: (
        publish(stored, created=datetime(2020, 1, 1, tzinfo=UTC)),
        publish(stored, Fingerprint.of([("config.xml", "2")])),
    ),
}


@pytest.mark.parametrize("arrange", BUILT.values(), ids=BUILT)
def test_everything_else_is_built(stored: Stored, arrange: Callable[[Stored], object]) -> None:
    arrange(stored)
    found, record = compared(stored)
    assert (found, record.resultant_image_id) == (None, None)


def test_a_user_in_a_shell_is_never_unchanged(stored: Stored) -> None:
    publish(stored)
    assert unchanged_image.fn(None, job()) is None


def test_what_changes_between_two_runs_of_a_job_is_not_known(stored: Stored, build: Build) -> None:
    """The pods of the first run are not run again: nobody knows which of both is in the image."""

    def run() -> Fingerprint:
        return fingerprint_build.fn(build.configuration, build.ca_rpm, build.metadata, build.builder, build.job)

    first = run()
    assert run() == first
    build.file("config.sh").write_text("false")
    second = run()
    assert [name for name in second.inputs if second.is_unknown(name)] == ["config.sh"]
    assert run() == second


def test_a_repository_that_changes_during_the_build_is_not_known(stored: Stored, build: Build) -> None:
    answers = {"/updates/repodata/repomd.xml": b"1", "/base/repodata/repomd.xml": b"1"}
    with http_server.serving(
        HttpServer(lambda asked: http_server.Answer(body=answers[asked.path.partition("?")[0]]))
    ) as server:
        urls = [f"{server.url}/{name}" for name in ("updates", "base")]
        repositories = [Repository(url=f"{url}?token={CANARY}") for url in urls]
        build.configured(repositories=repositories, ca_certificates=[])
        build.metadata = ask_repositories(build.configuration, build.job)
        before = fingerprint_build.fn(build.configuration, None, build.metadata, build.builder, build.job)
        assert confirm_repositories.fn(before, build.configuration, build.job) == before
        answers["/updates/repodata/repomd.xml"] = b"2"
        after = confirm_repositories.fn(before, build.configuration, build.job)
    assert [name for name in after.inputs if after.is_unknown(name)] == [f"repository {urls[0]}"]
    assert CANARY.encode() not in after.body
    # Nothing answers any more.
    lost = confirm_repositories.fn(after, build.configuration, build.job)
    assert [name for name in lost.inputs if lost.is_unknown(name)] == sorted(f"repository {url}" for url in urls)
