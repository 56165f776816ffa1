"""Conditional reads: whatever becomes of a request, what is returned is what the object holds now."""

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pydantic import AnyHttpUrl

from config.settings import Settings
from errors import ImsError
from storage.s3.conditional_reads import Version
from storage.s3.errors import BucketMissing
from storage.s3.objects import ObjectStore
from tests.certificates import Authority
from tests.faults import BODY_FAULTS, NOT_DONE, Fault, Faults
from tests.memory_s3.fixtures import on_both


@on_both
def test_each_object_is_asked_for_on_condition_of_its_known_version(store: ObjectStore, bucket: str) -> None:
    etags = {key: store.write(bucket, key, key.encode()) for key in ("same", "changed", "new")}
    changed = store.write(bucket, "changed", b"changed since")
    known = {"same": etags["same"], "changed": etags["changed"], "new": "", "missing": "", "gone": "0" * 32}
    found = store.read_changed(bucket, known)
    # A server in memory is asked without a condition.
    assert found["same"] in {None, Version(etags["same"], b"same")}
    assert {key: found[key] for key in known if key != "same"} == {
        "changed": Version(changed, b"changed since"),
        "new": Version(etags["new"], b"new"),
        "missing": Version(),
        "gone": Version(),
    }


@on_both
def test_a_missing_bucket_is_no_missing_object(store: ObjectStore) -> None:
    with pytest.raises(BucketMissing, match="s3://no-such-bucket"):
        store.read_changed("no-such-bucket", {"x": ""})


def test_a_known_version_is_not_sent_again(store: ObjectStore, bucket: str) -> None:
    etag = store.write(bucket, "x", b"x")
    assert store.read_changed(bucket, {"x": etag}) == {"x": None}


class _NothingNew(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(304 if self.headers["If-None-Match"] == '"known"' else 403)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class's name
        """Print nothing."""


def test_a_server_of_the_sites_own_authority_is_asked_on_condition_too(
    s3_settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = Authority("site")
    authority.issue(tmp_path / "server.pem")
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    with ThreadingHTTPServer(("127.0.0.1", 0), _NothingNew) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = AnyHttpUrl(f"https://127.0.0.1:{server.server_address[1]}")
        secure = ObjectStore(s3_settings.s3.model_copy(update={"endpoint_url": address, "attempts": 1}))
        assert secure.read_changed("b", {"x": "known", "y": "known"}) == {"x": None, "y": None}
        server.shutdown()


def test_a_file_of_certificates_that_cannot_be_read_is_boto3s_to_report(
    s3_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", "/nowhere/ca.pem")
    secure = s3_settings.s3.model_copy(update={"endpoint_url": AnyHttpUrl("https://127.0.0.1:9"), "attempts": 1})
    with pytest.raises(ImsError):
        ObjectStore(secure).read_changed("b", {"x": ""})


@pytest.mark.slow
@pytest.mark.parametrize("fault", sorted(NOT_DONE | BODY_FAULTS), ids=lambda fault: fault.name)
def test_no_fault_mixes_up_or_withholds_an_answer(
    store: ObjectStore, faulty_store: ObjectStore, proxy: Faults, bucket: str, fault: Fault
) -> None:
    contents = {f"key-{number}": f"content {number}".encode() * 9 for number in range(16)}
    etags = {key: store.write(bucket, key, content) for key, content in contents.items()}
    expected = {key: Version(etags[key], content) for key, content in contents.items()}
    for first in (1, 7, 16):
        proxy.clear()
        proxy.plan(fault, nth=first, times=2)
        assert faulty_store.read_changed(bucket, dict.fromkeys(contents, "")) == expected
    # The connections that are kept are in order.
    proxy.clear()
    assert faulty_store.read_changed(bucket, etags) == dict.fromkeys(contents)
