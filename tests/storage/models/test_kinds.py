import pickle

import pytest
from pydantic import TypeAdapter, ValidationError

from storage.models.kinds import DELETABLE_KINDS, DeletableKind, RecordKind
from storage.models.records import PublicKey


def test_a_kind_is_the_text_that_users_and_keys_have() -> None:
    assert f"{RecordKind.PUBLIC_KEY}" == "public-key"
    assert (RecordKind.PUBLIC_KEY.noun, RecordKind.PUBLIC_KEY.documents) == ("public key", "public-keys")
    assert RecordKind.PUBLIC_KEY.model is PublicKey


def test_kinds_travel_to_other_processes() -> None:
    assert all(pickle.loads(pickle.dumps(kind)) is kind for kind in RecordKind)


def test_a_flow_takes_the_kinds_that_can_be_deleted() -> None:
    kinds: TypeAdapter[DeletableKind] = TypeAdapter(DeletableKind)
    assert [kinds.validate_python(str(kind)) for kind in DELETABLE_KINDS] == list(DELETABLE_KINDS)
    assert set(kinds.json_schema()["enum"]) == {"image", "recipe", "public-key"}
    with pytest.raises(ValidationError):
        kinds.validate_python("job")
