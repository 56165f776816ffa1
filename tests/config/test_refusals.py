import pytest
from pydantic import ValidationError

from config.refusals import refusals_of
from storage.models.records import NewPublicKey


def test_each_refused_field_is_named_in_plain_words_without_its_value() -> None:
    with pytest.raises(ValidationError) as caught:
        NewPublicKey.model_validate({"name": " ", "public_key": "secret word"})
    name, key = refusals_of(caught.value, "input")
    assert name == "name: must not be empty"
    assert key.startswith("public_key: is not an SSH public key")
    assert "secret word" not in key


def test_an_input_of_another_shape_is_named_as_a_whole() -> None:
    with pytest.raises(ValidationError) as caught:
        NewPublicKey.model_validate([])
    assert refusals_of(caught.value, "the record")[0].startswith("the record: ")
