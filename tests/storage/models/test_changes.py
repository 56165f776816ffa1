"""storage/models/changes.py: what may be changed, and nothing else."""

import pytest
from pydantic import BaseModel, ValidationError

from storage.models.changes import LARGEST_METADATA_VALUE, ImageChanges, RecipeChanges

SET = {"operation": "set", "key": "k", "value": "v"}


@pytest.mark.parametrize(
    ("model", "asked"),
    [
        (RecipeChanges, {"name": "another"}),
        (RecipeChanges, {"arch": "sparc"}),
        (RecipeChanges, {"link": {"path": "/tmp/recipe.tgz"}}),
        (RecipeChanges, {"template_dictionary": [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]}),
        (ImageChanges, {"name": "another"}),
        (ImageChanges, {"metadata": {"k": "v"}}),
        (ImageChanges, {"metadata": SET | {"operation": "add"}}),
        (ImageChanges, {"metadata": SET | {"key": ""}}),
        (ImageChanges, {"metadata": SET | {"key": "a\nb"}}),
        (ImageChanges, {"metadata": SET | {"value": "v" * (LARGEST_METADATA_VALUE + 1)}}),
        (ImageChanges, {"metadata": SET | {"value": None}}),
    ],
)
def test_what_cannot_be_changed_is_refused(model: type[BaseModel], asked: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(asked)


@pytest.mark.parametrize("model", [RecipeChanges, ImageChanges])
def test_null_changes_nothing(model: type[BaseModel]) -> None:
    assert model.model_validate(dict.fromkeys(model.model_fields)) == model()
