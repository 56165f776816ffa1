"""api/tls.py: TLS 1.2 or newer by the files of the settings, and a file that cannot be used is named."""

import socket
import ssl
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from api.tls import context_of
from config.api import Api
from errors import BadInput
from tests.api.certificates import Certificate


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate(tmp_path_factory.mktemp("tls"))


def of(certificate: Path, key: Path) -> Api:
    return Api(tls_certificate=certificate, tls_key=key)


def test_without_files_there_is_no_tls() -> None:
    assert context_of(Api()) is None


def test_old_versions_are_refused(certificate: Certificate) -> None:
    context = context_of(of(certificate.file, certificate.key_file))
    assert context is not None
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert handshake(context, certificate.client_context()) == "TLSv1.3"
    old = certificate.client_context()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    assert handshake(context, old) == "TLSv1.2"


def handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> str | None:
    """Return the version that both agree on."""
    near, far = socket.socketpair()
    with near, far:
        answering = threading.Thread(target=lambda: server.wrap_socket(far, server_side=True).close())
        answering.start()
        with client.wrap_socket(near, server_hostname="localhost") as talking:
            version = talking.version()
        answering.join()
    return version


def test_a_bad_file_is_named(certificate: Certificate, tmp_path: Path) -> None:
    missing, text, other, locked = (tmp_path / name for name in ("missing", "text", "other", "locked"))
    text.write_text("no PEM")
    stranger = ec.generate_private_key(ec.SECP256R1())
    other.write_bytes(stranger.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    locked.write_bytes(stranger.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")))
    for chosen, words in (
        (of(missing, certificate.key_file), rf"{missing} cannot be read: No such file.*IMS_API_TLS_CERTIFICATE"),
        (of(certificate.file, missing), rf"{missing} cannot be read: No such file.*IMS_API_TLS_KEY"),
        (of(text, certificate.key_file), rf"{text} is no PEM file"),
        (of(certificate.file, tmp_path), rf"{tmp_path} cannot be read: Is a directory"),
        (of(certificate.file, other), rf"{certificate.file} and {other}: the key is not that of the certificate"),
        (of(certificate.key_file, certificate.key_file), rf"TLS cannot be served with {certificate.key_file}"),
        (of(certificate.file, locked), rf"TLS cannot be served with .*{locked}"),
    ):
        with pytest.raises(BadInput, match=words):
            context_of(chosen)
