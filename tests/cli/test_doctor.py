"""`ims doctor`: each check says how it is, and what mends it."""

from pathlib import Path

import pytest
from pydantic import AnyHttpUrl

from cli.doctor import State, checked, version_check, worker_check
from config.api import ApiClient
from config.groups import S3
from config.settings import Settings, settings


@pytest.mark.parametrize(
    ("server", "state"),
    [("3.8.8", State.FINE), ("3.9.0", State.FINE), ("3.8.1", State.FINE), ("3.7.9", State.OLD), ("2.20", State.OLD)],
)
def test_a_server_of_an_older_release_is_too_old(server: str, state: State) -> None:
    check = version_check("http://p/api", server, "3.8.8")
    assert check.state is state
    assert check.is_fine is (not check.mend)


def test_without_a_worker_jobs_wait() -> None:
    assert worker_check("ims", ["a", "b"]).is_fine
    lost = worker_check("ims", [])
    assert (lost.state, "ims worker" in lost.mend) == (State.MISSING, True)


def test_nothing_that_is_configured_is_missing_and_said_with_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("PREFECT_API_URL", "IMS_S3_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("IMS_DATA_DIR", str(tmp_path))
    settings.cache_clear()
    try:
        known = {check.what: check for check in checked(Settings(data_dir=tmp_path))}
    finally:
        settings.cache_clear()
    assert known["S3"].state is State.MISSING
    assert "ims up" in known["S3"].mend


def test_what_does_not_answer_is_named_and_uploads_are_said_to_need_s3() -> None:
    chosen = Settings(client=ApiClient(url=AnyHttpUrl("http://127.0.0.1:9")), s3=S3())
    api, s3 = checked(chosen)
    assert (api.state, s3.state) == (State.BROKEN, State.UNUSED)
    assert "http://127.0.0.1:9" in api.found
    assert api.mend
