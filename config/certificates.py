"""Certificates of a site's certificate authorities: parsed, checked, and written again as PEM.

The rule: what an image trusts is a certificate authority that is valid today, and nothing else came along in the file.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from errors import BadInput

# A site has a few; the trust store of a whole distribution has about 150 and about 250 KB.
LARGEST_BUNDLE_BYTES = 4 << 20
_LONGEST_SUBJECT = 200
# What cryptography raises of a certificate that is no good: only the first are ValueErrors.
_UNREADABLE = (ValueError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)


@dataclass(frozen=True)
class CaCertificate:
    """One certificate of a certificate authority.

    Args:
        subject: Its subject, as RFC 4514 writes it, in one line that prints.
        pem: The certificate alone, without the text that may surround it in a file.
        sha256: Its fingerprint in hexadecimal.
        expires: When it ends, in UTC.
    """

    subject: str
    pem: str
    sha256: str
    expires: datetime


def parse_bundle(data: bytes, source: str, *, today: datetime | None = None) -> list[CaCertificate]:
    """Parse a PEM file of one or several CA certificates; one that is there twice is taken once.

    Args:
        data: The file's content.
        source: The file's name, for messages.
        today: When the certificates must be valid; now, unless given.

    Raises:
        BadInput: It is not PEM, holds a private key, or a certificate that is no CA's, has expired or is not valid yet.
    """
    if len(data) > LARGEST_BUNDLE_BYTES:
        raise BadInput(f"{source} has {len(data)} bytes, more than a bundle of certificates has")
    if b"PRIVATE KEY-----" in data:
        raise BadInput(
            f"{source} holds a private key", resolution="give a file with the CA's certificates alone: keep the key"
        )
    if b"-----BEGIN CERTIFICATE-----" not in data:
        raise BadInput(
            f"{source} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)",
            resolution="convert a DER file by `openssl x509 -inform der -in FILE`",
        )
    try:
        found = x509.load_pem_x509_certificates(data)
    except _UNREADABLE as error:
        raise BadInput(f"{source} holds a certificate that cannot be read: {error}") from error
    checked = [_checked(certificate, source, today or datetime.now(UTC)) for certificate in found]
    return list({certificate.sha256: certificate for certificate in checked}.values())


def _checked(certificate: x509.Certificate, source: str, today: datetime) -> CaCertificate:
    try:
        subject = _printable(certificate.subject.rfc4514_string()) or "a certificate without a subject"
        is_ca = _is_ca(certificate)
        begins, expires = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except _UNREADABLE as error:
        raise BadInput(f"{source} holds a certificate that cannot be read: {error}") from error
    if not is_ca:
        raise BadInput(
            f"{source}: {subject} is not the certificate of a certificate authority",
            resolution="give the root certificate that the server's certificate was signed with",
        )
    if expires <= today:
        raise BadInput(f"{source}: {subject} has expired on {expires:%Y-%m-%d}", resolution="get its successor")
    if begins > today:
        raise BadInput(
            f"{source}: {subject} is not valid before {begins:%Y-%m-%d}", resolution="check the clock of this host"
        )
    return CaCertificate(
        subject=subject,
        pem=certificate.public_bytes(Encoding.PEM).decode(),
        sha256=certificate.fingerprint(SHA256()).hex(),
        expires=expires,
    )


def _is_ca(certificate: x509.Certificate) -> bool:
    """Return whether a certificate may sign others (RFC 5280, 4.2.1.9); one of version 1 may if it is a root."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return certificate.version is x509.Version.v1 and certificate.issuer == certificate.subject


def _printable(subject: str) -> str:
    """Return a subject as one printable line: RFC 4514 keeps line breaks and control characters."""
    line = "".join(character if character.isprintable() else "?" for character in subject)
    return line if len(line) <= _LONGEST_SUBJECT else f"{line[:_LONGEST_SUBJECT]}…"
