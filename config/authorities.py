"""What makes a certificate that of an authority which TLS clients trust: the rules of RFC 5280 and of OpenSSL."""

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.dsa import DSAPublicKey
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.oid import ExtensionOID as Oid

from errors import BadInput

# The shortest keys that OpenSSL takes at security level 2, the default of the distributions, and the longest of all.
_BITS: tuple[tuple[type[RSAPublicKey | DSAPublicKey | EllipticCurvePublicKey], int, int], ...] = (
    (RSAPublicKey, 2048, 16384),
    (DSAPublicKey, 2048, 10000),
    (EllipticCurvePublicKey, 224, 571),
)
# The critical extensions that OpenSSL handles (X509_supported_extension); with any other it trusts nothing.
_KNOWN = {
    Oid.KEY_USAGE,
    Oid.SUBJECT_ALTERNATIVE_NAME,
    Oid.BASIC_CONSTRAINTS,
    Oid.CERTIFICATE_POLICIES,
    Oid.CRL_DISTRIBUTION_POINTS,
    Oid.EXTENDED_KEY_USAGE,
    Oid.POLICY_CONSTRAINTS,
    Oid.NAME_CONSTRAINTS,
    Oid.POLICY_MAPPINGS,
    Oid.INHIBIT_ANY_POLICY,
}
_SELF_SIGNED = (
    "it is signed by itself: make one that is its own authority, and have the server use it, by `openssl req -x509 "
    "-newkey rsa:3072 -nodes -days 825 -keyout NEW.key -out NEW.pem -subj /CN=SERVER -addext subjectAltName=DNS:SERVER`"
)


def refuse_no_authority(certificate: x509.Certificate, what: str) -> None:
    """Refuse a certificate that no client trusts as that of an authority.

    Args:
        certificate: The certificate.
        what: Its place and its name, for messages.

    Raises:
        BadInput: It may not sign the certificates of servers, or its key is too short.
    """
    if not _is_ca(certificate):
        raise BadInput(
            f"{what} is not the certificate of a certificate authority",
            resolution=_SELF_SIGNED
            if certificate.issuer == certificate.subject
            else "give the root certificate that the server's certificate was signed with",
        )
    _refuse_other_purposes(certificate, what)
    _refuse_key_size(certificate, what)


def _is_ca(certificate: x509.Certificate) -> bool:
    """Return whether a certificate may sign others (RFC 5280, 4.2.1.9); one of version 1 may if it is a root."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return certificate.version is x509.Version.v1 and certificate.issuer == certificate.subject


def _refuse_other_purposes(certificate: x509.Certificate, what: str) -> None:
    another = "get the certificate of the authority that signs servers' certificates"
    for extension in certificate.extensions:
        if extension.critical and extension.oid not in _KNOWN:
            raise BadInput(
                f"{what} has a critical extension that TLS clients do not know ({extension.oid.dotted_string})",
                resolution=another,
            )
        if isinstance(extension.value, x509.KeyUsage) and not extension.value.key_cert_sign:
            raise BadInput(f"{what} may not sign certificates: its key usage has no keyCertSign", resolution=another)
        if (
            isinstance(extension.value, x509.ExtendedKeyUsage)
            and ExtendedKeyUsageOID.SERVER_AUTH not in extension.value
        ):
            raise BadInput(
                f"{what} is of an authority for other purposes: its extended key usage has no serverAuth",
                resolution=another,
            )


def _refuse_key_size(certificate: x509.Certificate, what: str) -> None:
    key = certificate.public_key()
    for kind, smallest, largest in _BITS:
        if isinstance(key, kind) and not smallest <= key.key_size <= largest:
            raise BadInput(
                f"{what} has a key of {key.key_size} bits, and TLS clients take {smallest} to {largest}",
                resolution="get its successor",
            )
