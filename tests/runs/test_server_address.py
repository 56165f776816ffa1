"""runs/server_address.py: which Prefect server the commands use."""

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from config.settings import Settings
from errors import BadInput
from runs import server_address
from runs.server_address import prefect_api_url


@pytest.mark.parametrize(
    ("chosen", "published", "wanted"),
    [
        ("http://chosen/api", "http://published/api", "http://chosen/api"),
        ("", "http://published/api", "http://published/api"),
        ("http://chosen/api", "", "http://chosen/api"),
    ],
    ids=["PREFECT_API_URL wins", "that of `ims up`", "PREFECT_API_URL alone"],
)
def test_the_server_is(chosen: str, published: str, wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_address, "settings", lambda: Settings(prefect_api_url=published))
    with temporary_settings({PREFECT_API_URL: chosen}):
        assert prefect_api_url() == wanted


def test_without_a_server_the_user_is_told_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_address, "settings", lambda: Settings(prefect_api_url=""))
    with temporary_settings({PREFECT_API_URL: ""}), pytest.raises(BadInput, match="no Prefect server") as raised:
        prefect_api_url()
    assert "`ims up`" in raised.value.resolution
