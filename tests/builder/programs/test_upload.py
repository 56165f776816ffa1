"""Tests of builder/programs/upload.py."""

import hashlib
import json
from pathlib import Path

import pytest

from builder.pod.step import StepFailed, TryAgain
from builder.pod.transfer import Patience
from builder.programs.upload import PlannedPart, read_plan, upload_parts
from tests.builder.s3_stand_in import StandIn

QUICK = Patience(first_pause_seconds=0.01)

PART_BYTES = 300_000
CONTENT = bytes(range(256)) * 10_000


def plan(server: StandIn, numbers: list[int]) -> bytes:
    """Return the plan for some parts of the rootfs."""
    parts = []
    for number in numbers:
        part = CONTENT[(number - 1) * PART_BYTES : number * PART_BYTES]
        md5 = hashlib.md5(part).hexdigest()
        parts.append({"number": number, "size": len(part), "md5": md5, "url": server.url(f"/{number}")})
    return json.dumps({"artifacts": [{"name": "rootfs", "part_size": PART_BYTES, "parts": parts}]}).encode()


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    """The folder of a packaged rootfs."""
    (tmp_path / "rootfs").write_bytes(CONTENT)
    return tmp_path


def test_all_parts_go_up_side_by_side_and_faults_are_tried_again(server: StandIn, artifacts: Path) -> None:
    server.faults["/2"] = ["500", "reset"]
    server.faults["/5"] = ["garbled"]
    upload_parts(list(read_plan(plan(server, list(range(1, 10))), artifacts)), connections=4, patience=QUICK)
    assert b"".join(server.objects[f"/{number}"] for number in range(1, 10)) == CONTENT
    assert len(server.requests) == 9 + 3
    assert server.most_at_once <= 4


def test_only_the_parts_of_the_plan_go_up(server: StandIn, artifacts: Path) -> None:
    upload_parts(list(read_plan(plan(server, [3, 9]), artifacts)), patience=QUICK)
    assert sorted(server.objects) == ["/3", "/9"]
    assert server.objects["/9"] == CONTENT[8 * PART_BYTES :]


def test_nothing_missing_is_nothing_to_do(server: StandIn, artifacts: Path) -> None:
    upload_parts(list(read_plan(plan(server, []), artifacts)), patience=QUICK)
    assert server.requests == []


def test_one_part_that_fails_for_good_ends_the_others(server: StandIn, artifacts: Path) -> None:
    server.faults["/1"] = ["403"]
    with pytest.raises(TryAgain, match="has expired"):
        upload_parts(list(read_plan(plan(server, list(range(1, 10))), artifacts)), connections=1, patience=QUICK)
    assert len(server.requests) < 9


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"<html>", "cannot be read"),
        (b'{"artifacts": [{"name": "rootfs"}]}', "cannot be read"),
        (b'{"artifacts": [{"name": "kernel", "parts": []}]}', "names kernel, which was not packaged"),
        (b'{"artifacts": [{"name": "../../etc/passwd", "parts": []}]}', "which was not packaged"),
    ],
    ids=["not JSON", "without parts", "unknown artifact", "a path"],
)
def test_a_plan_that_cannot_be_followed_is_refused(artifacts: Path, document: bytes, reason: str) -> None:
    with pytest.raises(StepFailed, match=reason):
        list(read_plan(document, artifacts))


def test_a_plan_is_read_into_slices(server: StandIn, artifacts: Path) -> None:
    (part,) = read_plan(plan(server, [2]), artifacts)
    assert isinstance(part, PlannedPart)
    assert (part.slice.offset, part.slice.size) == (PART_BYTES, PART_BYTES)
