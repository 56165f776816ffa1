"""TLS of the service: its certificate and key, read at the start."""

import ssl
from pathlib import Path
from typing import Any

from config.api import Api
from config.settings import settings
from errors import BadInput


def context_of(chosen: Api) -> ssl.SSLContext | None:
    """Return how the service speaks TLS; None when it does not.

    Raises:
        BadInput: A file cannot be read, or the key is not the certificate's.
    """
    if chosen.tls_certificate is None or chosen.tls_key is None:
        return None
    for file, variable in ((chosen.tls_certificate, "IMS_API_TLS_CERTIFICATE"), (chosen.tls_key, "IMS_API_TLS_KEY")):
        _refuse_unreadable(file, variable)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # Without a function for it, OpenSSL asks for the password of a key on the terminal.
        context.load_cert_chain(chosen.tls_certificate, chosen.tls_key, password=lambda: "")
    except (ssl.SSLError, ValueError) as error:
        raise BadInput(
            f"TLS cannot be served with {chosen.tls_certificate} and {chosen.tls_key}: {_reason_of(error)}",
            resolution="correct IMS_API_TLS_CERTIFICATE and IMS_API_TLS_KEY: PEM files, the key without a password",
        ) from error
    return context


def make_context(*_: Any) -> ssl.SSLContext:
    """Return the same for uvicorn, in each process that serves."""
    context = context_of(settings().api)
    assert context is not None  # noqa: S101 - uvicorn asks where the settings have a certificate
    return context


def _refuse_unreadable(file: Path, variable: str) -> None:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}", resolution=f"correct {variable}") from error
    if b"-----BEGIN " not in content:
        raise BadInput(f"{file} is no PEM file", resolution=f"correct {variable}")


def _reason_of(error: ssl.SSLError | ValueError) -> str:
    reason = getattr(error, "reason", None)
    if reason == "KEY_VALUES_MISMATCH":
        return "the key is not that of the certificate"
    return str(reason or "one of them holds no certificate or key, or the key has a password").lower().replace("_", " ")
