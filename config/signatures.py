"""The signatures of certificates: checked as far as the file has the signer, so that no damaged one is taken."""

from collections.abc import Iterable, Mapping, Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.dsa import DSAPublicKey
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from errors import BadInput

# Certificates of one key: one for each of the authority's names and periods.
_MOST_SIGNERS = 20
ByKey = Mapping[bytes, Sequence[x509.Certificate]]


def by_key(certificates: Iterable[x509.Certificate]) -> ByKey:
    """Return the certificates of a file by the identifiers of their keys, as far as they have them."""
    found: dict[bytes, list[x509.Certificate]] = {}
    for certificate in certificates:
        try:
            own = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
        except x509.ExtensionNotFound:
            continue
        found.setdefault(own, []).append(certificate)
    return found


def refuse_damaged(certificate: x509.Certificate, bundle: ByKey, what: str) -> None:
    """Refuse a certificate that was changed since it was signed: a root, or one whose signer is in the same file.

    One whose issuer has its own name is a root, or the file has its signer: that of the authority's key before. The
    names of others say less than the identifier of the signer's key: a name may be what is damaged.

    Args:
        certificate: The certificate.
        bundle: All certificates of the file.
        what: Its place and its name, for messages.

    Raises:
        BadInput: Its signature is not that of its signer, or cannot be checked.
    """
    signers = list(bundle.get(_signers_key(certificate), ()))[:_MOST_SIGNERS]
    if certificate.issuer == certificate.subject:
        signers.append(certificate)
    if not signers:
        return
    try:
        if any(_has_signed(signer, certificate) for signer in signers):
            return
    except (UnsupportedAlgorithm, TypeError, ValueError) as error:
        raise BadInput(
            f"{what} has a signature that cannot be checked here ({certificate.signature_algorithm_oid.dotted_string})",
            resolution="get its successor",
        ) from error
    raise BadInput(
        f"{what} is damaged or was forged: its signature is not its signer's",
        resolution="copy it again from its authority, with the certificate of its signer",
    )


def _signers_key(certificate: x509.Certificate) -> bytes:
    """Return the identifier of the key that a certificate is signed by; empty when it does not say."""
    try:
        named = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        return b""
    return named or b""


def _has_signed(signer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        _verify(signer.public_key(), certificate)
    except InvalidSignature:
        return False
    return True


def _verify(key: object, certificate: x509.Certificate) -> None:
    signature, content = certificate.signature, certificate.tbs_certificate_bytes
    algorithm, parameters = certificate.signature_hash_algorithm, certificate.signature_algorithm_parameters
    if isinstance(key, RSAPublicKey) and isinstance(parameters, PKCS1v15 | PSS | None) and algorithm:
        # Old roots have MD5 or SHA-1, which clients do not look at; for MD5 there are no parameters.
        key.verify(signature, content, parameters or PKCS1v15(), algorithm)
    elif isinstance(key, EllipticCurvePublicKey) and isinstance(parameters, ECDSA):
        key.verify(signature, content, parameters)
    elif isinstance(key, DSAPublicKey) and parameters is None and algorithm:
        key.verify(signature, content, algorithm)
    elif isinstance(key, Ed25519PublicKey | Ed448PublicKey) and parameters is None and algorithm is None:
        key.verify(signature, content)
    else:
        # A key of another kind than the signature.
        raise InvalidSignature
