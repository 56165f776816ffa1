"""Deleting and getting back as a user does it, on a running `ims up`."""

import json

import pytest

from errors import NotFound
from storage.models.records import Collection
from tests.cli.running import Up, catalogue_of, public_key, waiting_recipe

pytestmark = pytest.mark.slow


def test_a_recipe_is_deleted_got_back_and_removed_for_good(up: Up) -> None:
    recipe = waiting_recipe(up)
    assert recipe.link is not None
    planned = up.ims("recipes", "delete", recipe.id, "--dry-run")
    assert f"deleted/{recipe.link.key}" in planned.stdout

    deleted = up.ims("recipes", "delete", recipe.id)
    assert deleted.returncode == 0, deleted.stderr
    assert "1 of 1 moved" in deleted.stderr
    assert "Traceback" not in deleted.stderr
    assert deleted.stderr.splitlines()[-1].endswith(f"ims deleted recipes update {recipe.id} --operation undelete")
    assert recipe.id not in up.ims("recipes", "list").stdout
    gone = up.ims("recipes", "describe", recipe.id)
    assert (gone.returncode, f"ims deleted recipes describe {recipe.id}" in gone.stderr) == (2, True)

    listed = json.loads(up.ims("deleted", "recipes", "list", "--format", "json").stdout)
    assert [(each["id"], each["created"]) for each in listed] == [(recipe.id, listed[0]["created"])]
    described = json.loads(up.ims("deleted", "recipes", "describe", recipe.id, "--format", "json").stdout)
    assert described["deleted"]
    assert described["link"]["path"].endswith(f"/deleted/{recipe.link.key}")

    assert up.ims("deleted", "recipes", "update", recipe.id, "--operation", "undelete").returncode == 0
    assert catalogue_of(up.endpoints).recipes.get(recipe.id) == recipe

    assert up.ims("recipes", "delete", recipe.id).returncode == 0
    assert up.ims("deleted", "recipes", "delete", recipe.id).returncode == 0
    with pytest.raises(NotFound):
        catalogue_of(up.endpoints).recipes.get(recipe.id)


def test_what_is_not_deleted_is_not_removed_for_good(up: Up) -> None:
    key = public_key(up)
    refused = up.ims("deleted", "public-keys", "delete", key.id)
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"Error: Conflict: {key.id} is available, not deleted")
    assert "Traceback" not in refused.stderr


def test_all_are_deleted_only_when_that_is_said(up: Up) -> None:
    key = public_key(up)
    refused = up.ims("public-keys", "deleteall")
    assert (refused.returncode, "--yes" in refused.stderr) == (2, True)
    assert up.ims("public-keys", "deleteall", "--yes").returncode == 0
    records = catalogue_of(up.endpoints).public_keys
    assert records.list() == []
    assert records.get(key.id).collection is Collection.DELETED
    assert up.ims("deleted", "public-keys", "deleteall", "--yes").returncode == 0
    assert key.id not in {record.id for record in records.list(None)}
