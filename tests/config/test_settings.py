"""Settings: where they come from, and that secrets stay secret."""

import json
import pickle
from datetime import timedelta
from pathlib import Path

import pytest

from config.groups import S3
from config.settings import Settings, read_settings
from errors import BadInput, Denied
from storage.s3.objects import ObjectStore


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("IMS_S3_ENDPOINT_URL", "IMS_S3_ACCESS_KEY", "IMS_S3_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("IMS_DATA_DIR", str(tmp_path))


def _endpoints(folder: Path) -> None:
    (folder / "endpoints.json").write_text(
        json.dumps({"s3_endpoint_url": "http://127.0.0.1:7000", "s3_access_key": "from-file", "s3_secret_key": "s"})
    )


def test_without_any_server_the_message_says_how_to_get_one() -> None:
    with pytest.raises(BadInput, match="ims up"):
        Settings().s3.address()


def test_what_a_running_system_wrote_is_read(tmp_path: Path) -> None:
    _endpoints(tmp_path)
    assert Settings().s3.address() == "http://127.0.0.1:7000"


def test_the_environment_comes_before_what_a_running_system_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _endpoints(tmp_path)
    monkeypatch.setenv("IMS_S3_ENDPOINT_URL", "https://s3.example.com/")
    settings = Settings()
    assert settings.s3.address() == "https://s3.example.com"
    assert settings.s3.access_key.get_secret_value() == "from-file"


def test_a_server_without_credentials_is_refused_before_any_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMS_S3_ENDPOINT_URL", "https://s3.example.com/")
    with pytest.raises(Denied, match="IMS_S3_ACCESS_KEY"):
        ObjectStore(Settings().s3)


def test_secrets_are_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMS_S3_ACCESS_KEY", "open-sesame-1")
    monkeypatch.setenv("IMS_S3_SECRET_KEY", "open-sesame-2")
    settings = Settings()
    assert settings.s3.secret_key.get_secret_value() == "open-sesame-2"
    for shown in (repr(settings), str(settings), settings.model_dump_json(), repr(settings.model_dump())):
        assert "open-sesame" not in shown


def test_a_wrong_value_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMS_SQUASHFS_LEVEL", "99")
    with pytest.raises(BadInput, match=r"IMS_SQUASHFS_LEVEL: .*22"):
        read_settings()


def test_all_wrong_values_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMS_PREPARE_LIMIT", "tomorrow")
    monkeypatch.setenv("IMS_S3_ATTEMPTS", "0")
    monkeypatch.setenv("IMS_ROOT_OVERLAY", "perhaps")
    with pytest.raises(BadInput) as refused:
        read_settings()
    assert all(name in str(refused.value) for name in ("IMS_PREPARE_LIMIT", "IMS_S3_ATTEMPTS", "IMS_ROOT_OVERLAY"))


def test_what_is_given_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMS_S3_ATTEMPTS", "7")
    monkeypatch.setenv("IMS_BUCKET", "theirs")
    chosen = Settings(s3=S3(attempts=2), bucket="ours")
    assert (chosen.s3.attempts, chosen.bucket) == (2, "ours")


def test_the_fields_of_every_group_are_set_by_their_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMS_KUBERNETES_TOLERATIONS", '[{"key": "a"}]')
    monkeypatch.setenv("IMS_PACKAGE_LIMIT", "90m")
    monkeypatch.setenv("IMS_POD_STORAGE_REQUEST", "2Gi")
    monkeypatch.setenv("ims_builder_image", "example.com/builder:1")
    chosen = read_settings()
    assert chosen.kubernetes.tolerations == [{"key": "a"}]
    assert chosen.limits.package == timedelta(minutes=90)
    assert chosen.resources.pod_storage_request == "2Gi"
    assert chosen.builder.image == "example.com/builder:1"


def test_a_table_that_is_no_json_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMS_KUBERNETES_NODE_SELECTOR", "pool=builds")
    with pytest.raises(BadInput, match=r"IMS_KUBERNETES_NODE_SELECTOR: .*'pool=builds' is no JSON"):
        read_settings()


def test_settings_travel_to_other_processes() -> None:
    assert pickle.loads(pickle.dumps(Settings(s3=S3(attempts=2)))).s3.attempts == 2
