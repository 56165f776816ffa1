import pytest
from pydantic import ValidationError

from pods.resources import Resources


def test_requests_are_always_there_and_limits_only_where_they_were_set() -> None:
    assert Resources().requests == {"cpu": "1", "ephemeral-storage": "1Gi"}
    assert Resources().limits == {}
    assert Resources(cpu_limit="1500m", storage_limit="10Gi").limits == {"cpu": "1500m", "ephemeral-storage": "10Gi"}


@pytest.mark.parametrize("changes", [{"cpu_request": ""}, {"storage_request": ""}, {"cpu_limit": "all of it"}])
def test_what_is_no_quantity_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Resources.model_validate(changes)
