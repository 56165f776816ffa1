"""Bad input and faults: a refusal or a 503, nothing half done, and nothing changed by what was refused."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from config.settings import Settings
from flows.job_start import start_recorded
from storage.models.changes import ImageChanges
from storage.models.jobs import Job, JobStatus, JobType
from storage.models.kinds import RecordKind
from storage.models.records import Image, NewImage, PublicKey, new_id
from storage.reconcile.findings import Outcome
from storage.records.catalogue import Catalogue, catalogue
from storage.records.registration import change_image, register_image
from storage.s3.objects import ObjectStore, object_store
from tasks.lost_jobs import repair_jobs
from tests.api.stored import KEY, assert_problem, one_of_each
from tests.faults import Fault, Faults
from tests.memory_s3.faults import Killed, MemoryFaults
from tests.memory_s3.fixtures import in_memory
from tests.tasks.conftest import scene
from tests.tasks.scene import NO_AGE, Scene

__all__ = ["scene"]

pytestmark = in_memory

STORED = (RecordKind.PUBLIC_KEY, RecordKind.RECIPE, RecordKind.IMAGE, RecordKind.JOB)
BIDI, LONE = "\u202e", "\\ud800"
NAMES = ["", " ", "a\nb", "a\x00b", f"a{BIDI}b", "a\u2028b", "a\x7f", "x" * 1025, 1, None, True, [], {}, ["a"]]
PATHS = ["../x", "s3:///x", "s3://b/", "s3://b", "http://b/k", "s3://b/\n", f"s3://b/{BIDI}", f"s3://b/{'x' * 1200}", 1]
DEEP: Any = []
for _ in range(14):
    DEEP = [DEEP]
METADATA: list[Any] = [1, "x", [], {"key": "k"}, {"key": "k", "value": 10**25}, DEEP]
REFUSED: list[dict[str, Any]] = [
    *({"name": name} for name in NAMES),
    *({"name": "a", "link": {"path": path, "type": "s3"}} for path in PATHS),
    *({"name": "a", "metadata": metadata} for metadata in METADATA),
    {"name": "a", "unknown": 1},
    {"name": "a", "arch": "pdp11"},
]
RAW = [
    b'{"name":"a","name":"a"}',
    b'{"name":' + b"[" * 5000 + b"]" * 5000 + b"}",
    b'{"name":' + b"9" * 100_000 + b"}",
    b'{"name":1e999}',
    b'{"name":NaN}',
    b'{"name":"\xff"}',
    b'{"name":"' + LONE.encode() + b'"}',
    b'{"name":"a"}}',
]


def test_what_is_refused_has_changed_nothing(api: httpx.Client, own_catalogue: Catalogue) -> None:
    image = own_catalogue.images.create(Image(name="there", metadata={"k": "v"}))
    for body in REFUSED:
        assert 400 <= assert_problem(answer := api.post("/v3/images", json=body), answer.status_code)["status"] < 500
    for raw in RAW:
        for answer in (
            api.post("/v3/images", content=raw, headers={"Content-Type": "application/json"}),
            api.patch(f"/v3/images/{image.id}", content=raw, headers={"Content-Type": "application/json"}),
        ):
            assert_problem(answer, answer.status_code)
            assert answer.status_code in {400, 422}
    assert_problem(api.post("/v3/images", json={"name": "x" * (1 << 20)}), 413)
    for path in ("..", "%2e%2e", "..%2f..%2fetc", "x" * 5000, "%00", "%ff"):
        assert api.get(f"/v3/images/{path}").status_code in {400, 404}
    assert own_catalogue.images.list(None) == [image]


def test_without_s3_every_request_is_answered_503(
    api: httpx.Client, own_catalogue: Catalogue, store: ObjectStore, s3_settings: Settings, through: Faults
) -> None:
    ids = {path: record.id for path, record in one_of_each(own_catalogue, store, s3_settings).items()}
    through.plan(Fault.ANSWER_503, times=10_000)
    requests = [
        *(("GET", f"/v3/{path}", None) for path in ids),
        *(("GET", f"/v3/{path}/{record_id}", None) for path, record_id in ids.items()),
        *(("DELETE", f"/v3/{path}/{record_id}", None) for path, record_id in ids.items()),
        ("POST", "/v3/images", {"name": "a"}),
        ("POST", "/v3/public-keys", {"name": "a", "public_key": KEY}),
        ("PATCH", f"/v3/images/{ids['images']}", {"metadata": {"operation": "remove", "key": "x"}}),
    ]
    for method, path, body in requests:
        answer = api.request(method, path, json=body)
        assert_problem(answer, 503)
        assert answer.headers["retry-after"]
    assert {kind.documents: own_catalogue.of(kind).get(ids[kind.documents]).id for kind in STORED} == ids


def _register() -> None:
    register_image(object_store(), catalogue(), NewImage(name="made"))


def _register_key() -> None:
    catalogue().public_keys.create(PublicKey(name="made", public_key=KEY))


def _change(image_id: str) -> Callable[[], None]:
    changes = ImageChanges.model_validate({"metadata": {"operation": "set", "key": "k", "value": "v"}})
    return lambda: _ignore(change_image(object_store(), catalogue(), image_id, changes, lambda _: None))


def _ignore(_: object) -> None:
    """Give no result."""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_process_that_is_killed_at_any_call_leaves_what_was_or_what_was_asked_for(
    own_catalogue: Catalogue, through: MemoryFaults, moment: str
) -> None:
    image = own_catalogue.images.create(Image(name="there"))

    def seen() -> tuple[list[str], dict[str, str], list[str]]:
        images, broken = own_catalogue.images.all()
        assert broken == []
        keys = [key.name for key in own_catalogue.public_keys.list()]
        return [each.name for each in images], own_catalogue.images.get(image.id).metadata, keys

    for operation in (_register, _register_key, _change(image.id)):
        kills = 0
        for number in range(1, 6):
            before = seen()
            through.clear()
            if moment == "before":
                through.plan(nth=number, before=through.kill)
            else:
                through.plan(nth=number, after=through.kill)
            kills += through.ends_by_kill(operation)
            # Nothing of it, or all of it: each is one write.
            assert sum(one != other for one, other in zip(before, seen(), strict=True)) <= 1
        assert 0 < kills < 5
    images, metadata, keys = seen()
    assert ({*images}, metadata, {*keys}) == ({"there", "made"}, {"k": "v"}, {"made"})


class _KilledWhileStarting:
    """Prefect's runs, of which none is started: the process is killed."""

    def __init__(self, faults: MemoryFaults) -> None:
        self._faults = faults

    def start(self, *_: object, **__: object) -> str:
        self._faults._killed = True
        raise Killed


@pytest.mark.slow
def test_a_job_whose_process_was_killed_before_its_run_was_started_is_closed(
    scene: Scene, through: MemoryFaults
) -> None:
    key = scene.catalogue.public_keys.create(PublicKey(name="me", public_key=KEY))
    asked = {"artifact_id": new_id(), "public_key_id": key.id, "image_root_archive_name": "x"}
    runs: Any = _KilledWhileStarting(through)
    assert through.ends_by_kill(lambda: _ignore(start_recorded(runs, catalogue(), JobType.CREATE, asked)))
    [left] = scene.catalogue.jobs.list()
    assert left.status is JobStatus.CREATING
    assert [finding.outcome for finding in repair_jobs.fn(NO_AGE, apply=True)] == [Outcome.DONE]
    closed: Job = scene.catalogue.jobs.get(left.id)
    assert closed.status is JobStatus.ERROR
