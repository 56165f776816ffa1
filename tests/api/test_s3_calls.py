"""api/s3_calls.py: every call is counted once, and each time that it is tried again."""

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import AnyHttpUrl, SecretStr

from api.metrics import _COUNTED
from api.s3_calls import count_calls
from config.groups import S3
from storage.s3.client import s3_client
from storage.s3.objects import ObjectStore
from tests.http_server import Answer, HttpServer, serving


def counted(name: str, **labels: str) -> float:
    return _COUNTED.get_sample_value(name, {"operation": "HeadBucket", **labels}) or 0


def test_conditional_reads_are_counted() -> None:
    count_calls()
    with serving(HttpServer(lambda _: Answer(304))) as server:
        chosen = S3(endpoint_url=AnyHttpUrl(server.url), access_key=SecretStr("k"), secret_key=SecretStr("s"))
        store = ObjectStore(chosen)
        before = counted("ims_s3_calls_total", operation="GetObject", outcome="answer")
        assert store.read_changed("b", {"x": "1", "y": "2"}) == {"x": None, "y": None}
    assert counted("ims_s3_calls_total", operation="GetObject", outcome="answer") == before + 2


def test_calls_and_retries_are_counted() -> None:
    # Twice, as each application of a process does.
    count_calls()
    count_calls()
    with serving(HttpServer(lambda _: Answer(404))) as server:
        chosen = S3(
            endpoint_url=AnyHttpUrl(server.url), access_key=SecretStr("k"), secret_key=SecretStr("s"), attempts=2
        )
        client = s3_client(chosen)
        before = [counted("ims_s3_calls_total", outcome="answer"), counted("ims_s3_calls_total", outcome="error")]
        retries = counted("ims_s3_retries_total")
        with pytest.raises(ClientError):
            client.head_bucket(Bucket="b")
        server.answer = lambda _: Answer(503)
        with pytest.raises(ClientError):
            client.head_bucket(Bucket="b")
    with pytest.raises(BotoCoreError):
        client.head_bucket(Bucket="b")
    assert counted("ims_s3_calls_total", outcome="answer") == before[0] + 1
    assert counted("ims_s3_calls_total", outcome="error") == before[1] + 2
    assert counted("ims_s3_retries_total") == retries + 2
