from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect.utilities.schema_tools.validation import ValidationError as Refused
from prefect.utilities.schema_tools.validation import validate
from pydantic import TypeAdapter, ValidationError

from storage.models.fields import FileName, Id, InnerPath, Name, OptionalFileName, OptionalId, Profiles, ScriptPath

UUID = "a0000000-0000-4000-8000-00000000001a"
TAKEN = [
    (Id, UUID),
    (Id, f" {UUID}\n"),
    (OptionalId, " "),
    (OptionalId, ""),
    (OptionalId, UUID),
    (Name, "an image, of today"),
    (FileName, "vmlinuz-6.4"),
    (FileName, "..."),
    (FileName, ".hidden"),
    (OptionalFileName, ""),
    (ScriptPath, ""),
    (ScriptPath, "s3://ims/scripts/x/run.sh"),
    (InnerPath, ""),
    (InnerPath, "folder/run..sh"),
    (Profiles, "a, b-c"),
]
REFUSED = [
    (Id, "image"),
    (Id, ""),
    (OptionalId, "image"),
    (Name, ""),
    (Name, "   "),
    (Name, "a\tb"),
    (Name, "x" * 1025),
    (FileName, ""),
    (FileName, ".."),
    (FileName, "boot/vmlinuz"),
    (OptionalFileName, "boot/vmlinuz"),
    (OptionalFileName, "."),
    (ScriptPath, "run.sh"),
    (ScriptPath, "s3://ims"),
    (InnerPath, "/run.sh"),
    (InnerPath, "../run.sh"),
    (InnerPath, "a/.."),
    (InnerPath, "a/../b"),
    (Profiles, "a;b"),
]


def is_taken_by_model(field: Any, text: str) -> bool:
    try:
        TypeAdapter(field).validate_python(text)
    except ValidationError:
        return False
    return True


def is_taken_by_form(field: Any, text: str) -> bool:
    """Tell whether Prefect takes it when a run is created."""
    schema = {"type": "object", "properties": {"field": TypeAdapter(field).json_schema()}}
    try:
        validate({"field": text}, schema, raise_on_error=True)
    except Refused:
        return False
    return True


@pytest.mark.parametrize(("field", "text"), TAKEN)
def test_what_may_be_said_is_taken(field: Any, text: str) -> None:
    assert is_taken_by_model(field, text)
    assert is_taken_by_form(field, text)


@pytest.mark.parametrize(("field", "text"), REFUSED)
def test_what_may_not_be_said_is_refused_by_models_and_by_forms(field: Any, text: str) -> None:
    assert not is_taken_by_model(field, text)
    assert not is_taken_by_form(field, text)


@given(st.sampled_from([Name, FileName, OptionalFileName, InnerPath, ScriptPath, Profiles]), st.text())
def test_a_form_refuses_nothing_that_a_model_takes(field: Any, text: str) -> None:
    assert is_taken_by_form(field, text) or not is_taken_by_model(field, text)
