"""The signatures of certificates: checked as far as the file has the signer, so that no damaged one is taken."""

from collections.abc import Iterable, Mapping, Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import MD5, SHA1

from errors import BadInput

ByName = Mapping[x509.Name, Sequence[x509.Certificate]]


def by_name(certificates: Iterable[x509.Certificate]) -> ByName:
    """Return the certificates of a file by their subjects."""
    found: dict[x509.Name, list[x509.Certificate]] = {}
    for certificate in certificates:
        found.setdefault(certificate.subject, []).append(certificate)
    return found


def refuse_damaged(certificate: x509.Certificate, bundle: ByName, what: str) -> None:
    """Refuse a certificate that was changed since it was signed: a root, or one whose signer is in the same file.

    One whose issuer has its own name is a root, or the file has its signer: that of the authority's key before.

    Args:
        certificate: The certificate.
        bundle: All certificates of the file.
        what: Its place and its name, for messages.

    Raises:
        BadInput: Its signature is not that of its signer, or cannot be checked.
    """
    signers = [signer for signer in bundle.get(certificate.issuer, ()) if _may_have_signed(signer, certificate)]
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


def _may_have_signed(signer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Return whether one of its issuer's name may have signed it: itself, or the one whose key it names."""
    if signer == certificate:
        return True
    try:
        own = signer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
        named = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        # Of two authorities of one name, only identifiers say which is meant.
        return False
    return named == own


def _has_signed(signer: x509.Certificate, certificate: x509.Certificate) -> bool:
    key, algorithm = signer.public_key(), certificate.signature_hash_algorithm
    try:
        if isinstance(key, RSAPublicKey) and isinstance(algorithm, SHA1 | MD5):
            # Old roots have it, which clients do not look at; verify_directly_issued_by refuses it.
            key.verify(certificate.signature, certificate.tbs_certificate_bytes, PKCS1v15(), algorithm)
        else:
            certificate.verify_directly_issued_by(signer)
    except InvalidSignature:
        return False
    return True
