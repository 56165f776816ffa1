"""api/roles.py: what cannot be restored needs the highest role, under each address of each version."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.app import application
from api.roles import Role, role_for
from api.versions import Version

NOUNS = ("public_key", "recipe", "image")
# What is deleted by these cannot be restored.
FOR_GOOD = {f"remove_deleted_{noun}_v3" for noun in NOUNS} | {f"remove_all_deleted_{noun}s_v3" for noun in NOUNS}
FOR_GOOD |= {"delete_recipe_v2", "delete_image_v2"} | {f"delete_all_{noun}s_v2" for noun in NOUNS}


def test_each_path_needs_the_role_of_what_it_does() -> None:
    seen = set()
    for path, operations in application().openapi()["paths"].items():
        each = next(each for each in Version if path.startswith(each.prefixes[0]))
        for method, operation in operations.items():
            needed = Role.READ if method == "get" else Role.WRITE
            seen.add(operation["operationId"])
            if operation["operationId"] in FOR_GOOD:
                needed = Role.PURGE
            for prefix in each.prefixes:
                asked = prefix + path.removeprefix(each.prefixes[0])
                assert role_for(method.upper(), asked.replace("{record_id}", "v3")) is needed, (method, asked)
    assert seen >= FOR_GOOD


@pytest.mark.parametrize("method", ["DELETE", "PURGE", "get", ""])
@pytest.mark.parametrize("path", ["", "/", "/v3", "/v3/deleted", "//v3/images", "/x/v3/images", "/v2/v3/images"])
def test_what_fits_no_rule_needs_the_highest(method: str, path: str) -> None:
    if method != "DELETE" or path != "/v3":
        assert role_for(method, path) is Role.PURGE


@given(path=st.text(alphabet="/v23delti-mags", max_size=30))
def test_what_is_deleted_below_deleted_is_gone(path: str) -> None:
    for version in Version:
        for prefix in version.prefixes:
            assert role_for("DELETE", f"{prefix}/deleted/{path}") is Role.PURGE
