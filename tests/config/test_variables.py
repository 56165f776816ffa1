from pathlib import Path

import pytest

from config.settings import Settings
from config.variables import from_endpoints, from_environment, variables_of
from errors import BadInput

VARIABLES = variables_of(Settings)


def test_every_variable_has_a_name_of_its_own_and_a_meaning() -> None:
    names = [variable.name for variable in VARIABLES]
    assert len(names) == len(set(names))
    assert all(name.startswith("IMS_") for name in names)
    assert all(variable.meaning for variable in VARIABLES)


def test_the_environment_is_read_into_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"IMS_S3_REGION": "here", "IMS_BUCKET": "b", "IMS_JOB_ID": "not a setting"}.items():
        monkeypatch.setenv(name, value)
    found = from_environment(VARIABLES)
    assert (found["s3"]["region"], found["bucket"]) == ("here", "b")
    assert "job_id" not in found


def test_a_variable_of_a_former_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMS_IMS_BUCKET", "records")
    with pytest.raises(BadInput, match="IMS_IMS_BUCKET is now named IMS_BUCKET") as refused:
        Settings()
    assert "set IMS_BUCKET instead" in refused.value.resolution


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '"s3"', "\0"])
def test_a_damaged_file_of_ims_up_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "endpoints.json").write_text(content)
    with pytest.raises(BadInput, match=r"endpoints\.json is damaged") as refused:
        from_endpoints(VARIABLES, tmp_path / "endpoints.json")
    assert "object has no attribute" not in refused.value.message
