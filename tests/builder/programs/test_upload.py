"""Tests of builder/programs/upload.py."""

import hashlib
import json
from pathlib import Path

import pytest

from builder.contract.unreadable import Unreadable
from builder.contract.upload_plan import UploadPlan
from builder.pod.step import StepFailed, TryAgain
from builder.pod.transfer.attempts import Patience
from builder.programs.upload import parts_of, upload_parts
from tests.builder.s3_stand_in import StandIn

QUICK = Patience(first_pause_seconds=0.01)

PART_BYTES = 300_000
CONTENT = bytes(range(256)) * 10_000


def plan(server: StandIn, numbers: list[int]) -> UploadPlan:
    """Return the plan for some parts of the rootfs."""
    parts = []
    for number in numbers:
        part = CONTENT[(number - 1) * PART_BYTES : number * PART_BYTES]
        md5 = hashlib.md5(part).hexdigest()
        parts.append({"number": number, "size": len(part), "md5": md5, "url": server.url(f"/{number}")})
    document = {"artifacts": [{"name": "rootfs", "part_size": PART_BYTES, "parts": parts}]}
    return UploadPlan.from_json(json.dumps(document))


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    """The folder of a packaged rootfs."""
    (tmp_path / "rootfs").write_bytes(CONTENT)
    return tmp_path


def test_all_parts_go_up_side_by_side_and_faults_are_tried_again(server: StandIn, artifacts: Path) -> None:
    server.faults["/2"] = ["500", "reset"]
    server.faults["/5"] = ["garbled"]
    upload_parts(list(parts_of(plan(server, list(range(1, 10))), artifacts)), connections=4, patience=QUICK)
    assert b"".join(server.objects[f"/{number}"] for number in range(1, 10)) == CONTENT
    assert len(server.requests) == 9 + 3
    assert server.most_at_once <= 4


def test_only_the_parts_of_the_plan_go_up(server: StandIn, artifacts: Path) -> None:
    upload_parts(list(parts_of(plan(server, [3, 9]), artifacts)), connections=4, patience=QUICK)
    assert sorted(server.objects) == ["/3", "/9"]
    assert server.objects["/9"] == CONTENT[8 * PART_BYTES :]


def test_nothing_missing_is_nothing_to_do(server: StandIn, artifacts: Path) -> None:
    upload_parts(list(parts_of(plan(server, []), artifacts)), connections=4, patience=QUICK)
    assert server.requests == []


def test_one_part_that_fails_for_good_ends_the_others(server: StandIn, artifacts: Path) -> None:
    server.faults["/1"] = ["403"]
    with pytest.raises(TryAgain, match="has expired"):
        upload_parts(list(parts_of(plan(server, list(range(1, 10))), artifacts)), connections=1, patience=QUICK)
    assert len(server.requests) < 9


@pytest.mark.parametrize(
    "document", ["<html>", '{"artifacts": [{"name": "rootfs"}]}'], ids=["not JSON", "without parts"]
)
def test_a_plan_that_cannot_be_read_is_refused(document: str) -> None:
    with pytest.raises(Unreadable, match="the upload plan cannot be read: "):
        UploadPlan.from_json(document)


@pytest.mark.parametrize("name", ["kernel", "../../etc/passwd"])
def test_an_artifact_that_was_not_packaged_is_refused(artifacts: Path, name: str) -> None:
    document = json.dumps({"artifacts": [{"name": name, "part_size": 1, "parts": []}]})
    with pytest.raises(StepFailed, match=f"names {name}, which was not packaged"):
        list(parts_of(UploadPlan.from_json(document), artifacts))


def test_a_plan_is_read_into_slices(server: StandIn, artifacts: Path) -> None:
    (part,) = parts_of(plan(server, [2]), artifacts)
    assert (part.slice.offset, part.slice.size) == (PART_BYTES, PART_BYTES)
