"""Certificates of a site's certificate authorities: parsed, checked, and written again as PEM.

The rule: what an image trusts is a certificate authority that is valid today, and nothing else came along in the file.
As many certificates come out as blocks went in, or the file is refused with the line that is wrong.
"""

from codecs import BOM_UTF8
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from config.authorities import refuse_no_authority
from config.certificate_files import refuse_other_forms
from config.pem import COPY_AGAIN, Block, blocks_of
from config.signatures import ByKey, by_key, refuse_damaged
from errors import BadInput

# A site has a few; the trust store of a whole distribution has about 150 and about 250 KB.
LARGEST_BUNDLE_BYTES = 4 << 20
MOST_CERTIFICATES = 1000
_LONGEST_SUBJECT = 200
_LABELS = ("CERTIFICATE", "X509 CERTIFICATE")


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
        BadInput: It is not PEM, holds a private key, is damaged, or holds a certificate that is no CA's, has expired or
            is not valid yet. The message names the certificate and its line.
    """
    if len(data) > LARGEST_BUNDLE_BYTES:
        raise BadInput(f"{source} has {len(data)} bytes, more than a bundle of certificates has")
    # Editors of Windows begin a file so.
    data = data.removeprefix(BOM_UTF8)
    refuse_other_forms(data, source)
    unreadable = f"{source} holds a certificate that cannot be read"
    blocks = blocks_of(data, unreadable)
    if not any(block.label in _LABELS for block in blocks):
        held = f": it holds a {blocks[0].label}" if blocks else ""
        raise BadInput(
            f"{source} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----){held}",
            resolution="give the root certificate of the CA",
        )
    read: dict[bytes, tuple[str, x509.Certificate]] = {}
    for number, block in enumerate(blocks, 1):
        place, content = f"certificate {number} (line {block.first})", block.decode(unreadable)
        if content not in read or block.label not in _LABELS:
            read[content] = place, _certificate(block, f"{unreadable}, {place}", content)
        if len(read) > MOST_CERTIFICATES:
            raise BadInput(f"{source} has more than {MOST_CERTIFICATES} certificates", resolution="leave some out")
    bundle = by_key(certificate for _, certificate in read.values())
    day = today or datetime.now(UTC)
    return [_checked(certificate, bundle, f"{source}, {place}", day) for place, certificate in read.values()]


def _certificate(block: Block, unreadable: str, content: bytes) -> x509.Certificate:
    if block.label not in _LABELS:
        raise BadInput(f"{unreadable}: it is a {block.label}", resolution="leave it out of the file")
    try:
        certificate = x509.load_der_x509_certificate(content)
        # They are parsed when they are asked for.
        certificate.extensions, certificate.public_key(), certificate.signature_hash_algorithm
        certificate.subject.rfc4514_string(), certificate.issuer, certificate.not_valid_after_utc
    # cryptography raises ValueError, UnsupportedAlgorithm, InvalidVersion, DuplicateExtension and others.
    except Exception as error:
        why = "its content is damaged" if "ParseError" in str(error) else _printable(str(error))
        raise BadInput(f"{unreadable}: {why}", resolution=COPY_AGAIN) from error
    return certificate


def _checked(certificate: x509.Certificate, bundle: ByKey, where: str, today: datetime) -> CaCertificate:
    subject = _printable(certificate.subject.rfc4514_string()) or "a certificate without a subject"
    refuse_no_authority(certificate, f"{where}: {subject}")
    refuse_damaged(certificate, bundle, f"{where}: {subject}")
    begins, expires = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if expires <= today:
        raise BadInput(f"{where}: {subject} has expired on {expires:%Y-%m-%d}", resolution="get its successor")
    if begins > today:
        raise BadInput(
            f"{where}: {subject} is not valid before {begins:%Y-%m-%d}", resolution="check the clock of this host"
        )
    return CaCertificate(
        subject=subject,
        pem=certificate.public_bytes(Encoding.PEM).decode(),
        sha256=certificate.fingerprint(SHA256()).hex(),
        expires=expires,
    )


def _printable(subject: str) -> str:
    """Return a subject as one printable line: RFC 4514 keeps line breaks and control characters."""
    line = "".join(character if character.isprintable() else "?" for character in subject)
    return line if len(line) <= _LONGEST_SUBJECT else f"{line[:_LONGEST_SUBJECT]}…"
