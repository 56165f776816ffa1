"""The data folder of a running `ims up`."""

import subprocess
import sys
from pathlib import Path

import pytest

from cli.servers.data_folder import Endpoints, claimed, publish, published
from config.settings import Settings
from errors import Broken, Conflict

ENDPOINTS = Endpoints(
    s3_endpoint_url="http://127.0.0.1:8333",
    s3_access_key="access",
    s3_secret_key="secret-word",
    prefect_api_url="http://127.0.0.1:4200/api",
)


def test_a_folder_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    with claimed(tmp_path):
        publish(tmp_path, ENDPOINTS)
        with pytest.raises(Conflict) as refused, claimed(tmp_path):
            pass
    assert "http://127.0.0.1:4200" in refused.value.message
    assert "http://127.0.0.1:8333" in refused.value.message
    assert "secret-word" not in str(refused.value)


def test_a_folder_whose_holder_was_killed_is_free_and_its_endpoints_are_gone(tmp_path: Path) -> None:
    holder = (
        "import os, signal; from pathlib import Path; from cli.servers.data_folder import claimed\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "with claimed(folder):\n"
        "    (folder / 'endpoints.json').write_text('{}'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", holder], check=False).returncode == -9
    assert (tmp_path / "endpoints.json").exists()
    with claimed(tmp_path):
        assert not (tmp_path / "endpoints.json").exists()


def test_endpoints_are_for_their_owner_alone_and_the_settings_read_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, ENDPOINTS)
    assert (tmp_path / "endpoints.json").stat().st_mode & 0o777 == 0o600
    assert published(tmp_path) == ENDPOINTS
    monkeypatch.setenv("IMS_DATA_DIR", str(tmp_path))
    found = Settings()
    assert found.s3.address() == ENDPOINTS.s3_endpoint_url
    assert found.s3.secret_key.get_secret_value() == "secret-word"
    assert found.prefect_api_url == ENDPOINTS.prefect_api_url


def test_endpoints_go_when_the_folder_is_left(tmp_path: Path) -> None:
    with claimed(tmp_path):
        publish(tmp_path, ENDPOINTS)
    assert published(tmp_path) is None


def test_a_new_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    with claimed(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Broken, match="file/data"), claimed(tmp_path / "file" / "data"):
        pass
