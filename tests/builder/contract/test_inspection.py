"""builder/contract/inspection.py: the document, and the table in the docs."""

import re

from hypothesis import given

from builder.contract.inspection import WEIGHTS, Finding, Inspection, Weight
from tests.builder.contract.written import documents
from tests.repository import REPOSITORY


@given(documents(Inspection))
def test_what_is_written_is_read(inspection: Inspection) -> None:
    assert Inspection.from_json(inspection.to_json()) == inspection


def test_only_errors_are_errors() -> None:
    error, warning = Finding("no-init", Weight.ERROR, "a", "b"), Finding("fstab", Weight.WARNING, "a", "b")
    assert Inspection((error, warning)).errors == (error,)


def test_the_docs_have_every_finding_with_its_weight() -> None:
    page = (REPOSITORY / "docs/inspection.md").read_text()
    rows = re.findall(r"^\| `([a-z-]+)` \| (\w+) \|", page, re.MULTILINE)
    assert {name: Weight(weight) for name, weight in rows} == WEIGHTS
