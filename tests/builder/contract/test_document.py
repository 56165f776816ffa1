"""builder/contract/document.py and the documents: what is written comes out equal; each as it is on the wire."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.contract.credentials import RepositoryCredentials
from builder.contract.document import Document
from builder.contract.enclosed import EnclosedCommand, Ending
from builder.contract.package import Package, PackedArtifact, PackedPart
from builder.contract.prepared import Prepared
from builder.contract.shell_orders import Order, Orders
from builder.contract.unreadable import Unreadable
from builder.contract.upload_plan import PlannedArtifact, PlannedPart, UploadPlan
from tests.builder.contract.written import documents, json_values

KINDS = [EnclosedCommand, Ending, Orders, Package, Prepared, RepositoryCredentials, UploadPlan]
PART = {"number": 1, "size": 2, "md5": "m"}
ARTIFACT = {"name": "rootfs", "size": 2, "md5": "m", "sha256": "s", "part_size": 16, "parts": [PART]}
_ON_THE_WIRE: list[tuple[Document, dict[str, Any]]] = [
    (RepositoryCredentials("u", "n", "p"), {"url": "u", "username": "n", "password": "p"}),
    (Prepared({"context_sha256": "0"}, "now"), {"context_sha256": "0", "finished": "now"}),
    (
        Package((PackedArtifact("rootfs", 2, "m", "s", 16, (PackedPart(1, 2, "m"),)),), "vmlinuz-6", ("note",)),
        {"artifacts": [ARTIFACT], "kernel": "vmlinuz-6", "notes": ["note"]},
    ),
    (
        UploadPlan((PlannedArtifact("rootfs", 16, (PlannedPart(1, 2, "m", "u"),)),)),
        {"artifacts": [{"name": "rootfs", "part_size": 16, "parts": [{**PART, "url": "u"}]}]},
    ),
    (
        Orders(until=3.0, latest=9.0, order=Order("1", "abort"), opened=("shell",)),
        {
            "until": 3.0,
            "awake_until": 0.0,
            "latest": 9.0,
            "order": {"id": "1", "operation": "abort"},
            "opened": ["shell"],
        },
    ),
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_what_is_written_is_read(kind: type[Document], data: st.DataObject) -> None:
    document = data.draw(documents(kind))
    assert kind.from_json(document.to_json()) == document


@pytest.mark.parametrize(("document", "values"), _ON_THE_WIRE, ids=lambda each: type(each).__name__)
def test_it_is_as_in_the_former_release(document: Document, values: dict[str, Any]) -> None:
    assert document.to_json() == json.dumps(values).encode()


def test_a_password_is_in_no_text_of_its_object() -> None:
    assert "canary" not in repr(RepositoryCredentials("u", "n", "canary"))


@pytest.mark.parametrize("kind", [Package, UploadPlan], ids=lambda kind: kind.__name__)
def test_fields_of_another_release_are_ignored(kind: type[Document]) -> None:
    part = {**PART, "url": "u", "colour": "red"}
    values = {"artifacts": [{**ARTIFACT, "parts": [part], "colour": "red"}], "colour": "red"}
    document = kind.from_json(json.dumps(values))
    assert b"colour" not in document.to_json()


def test_orders_keep_what_another_release_has_written() -> None:
    values = {"until": 1, "colour": "red", "order": {"id": "1", "operation": "pause", "colour": "blue"}}
    orders = Orders.from_json(json.dumps(values))
    assert (orders.until, orders.order) == (1.0, Order("1", "pause", {"colour": "blue"}))
    assert json.loads(orders.to_json())["colour"] == "red"


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("", "it is not JSON"),
        ("[]", "it is not an object"),
        ("{}", "it has no field artifacts"),
        ('{"artifacts": {}}', "artifacts is not a list"),
        ('{"artifacts": [{"name": 1}]}', "name of an entry of artifacts is 1, not a text"),
        (
            '{"artifacts": [{"name": "a", "part_size": true}]}',
            "part_size of an entry of .* is true, not a whole",
        ),
    ],
)
def test_what_is_wrong_is_named(document: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=f"the upload plan cannot be read: {reason}"):
        UploadPlan.from_json(document)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@given(json_values)
def test_nothing_else_is_raised_whatever_is_read(kind: type[Document], values: Any) -> None:
    with suppress(Unreadable):
        kind.from_json(json.dumps(values))
