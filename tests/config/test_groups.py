import pytest
from pydantic import AnyHttpUrl, ValidationError

from config.groups import S3, Limits


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8333", True),
        ("http://[::1]:8333", True),
        ("http://localhost:8333", True),
        ("https://s3.example.com", False),
        ("http://10.0.0.1", False),
    ],
)
def test_a_server_on_loopback_is_recognized(url: str, expected: bool) -> None:
    assert S3(endpoint_url=AnyHttpUrl(url)).is_on_loopback is expected


def test_a_misspelt_setting_is_refused() -> None:
    with pytest.raises(ValidationError, match="pakage"):
        Limits.model_validate({"pakage": "2h"})
