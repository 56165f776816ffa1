"""Objects need S3, also where the commands talk to the REST API."""

import pytest

from cli.objects import objects
from config.settings import settings
from errors import BadInput


def test_without_s3_the_message_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMS_API_URL", "http://ims.site/apis/ims")
    monkeypatch.setenv("IMS_DATA_DIR", "/nonexistent")
    monkeypatch.delenv("IMS_S3_ENDPOINT_URL", raising=False)
    settings.cache_clear()
    try:
        with pytest.raises(BadInput, match=r"a download needs S3: the REST API at http://ims\.site") as raised:
            objects("a download")
        assert "IMS_S3_ENDPOINT_URL" in raised.value.resolution
    finally:
        settings.cache_clear()
