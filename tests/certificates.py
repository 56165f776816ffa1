"""A private certificate authority of the tests, and the server certificates that it issues."""

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = timedelta(days=1)


class Authority:
    """A root CA.

    Args:
        names: Its common name; several make a long subject.
        signer: The authority that signs its certificate; its own root when left out.
    """

    def __init__(self, *names: str, signer: "Authority | None" = None) -> None:
        self._name = _distinguished(*names)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = (signer or self)._authority_certificate(self._name, self._key.public_key())

    def intermediate(self, name: str) -> "Authority":
        """Return an authority whose certificate this one has signed."""
        return Authority(name, signer=self)

    @property
    def pem(self) -> bytes:
        """The CA's certificate, as trust stores take it."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def pem_with_key(self) -> bytes:
        """The CA's certificate and its private key, as who signs by it takes them."""
        return self.pem + self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def issue(self, file: Path, *, valid_for: timedelta = _DAY) -> None:
        """Write a certificate for localhost and 127.0.0.1 and its key into one PEM file.

        Args:
            file: Where to; the private key makes it for its owner only.
            valid_for: From now on; one that lies in the past makes an expired certificate.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))]
        expires = datetime.now(UTC) + valid_for
        builder = (
            self._builder(_distinguished("localhost"), key.public_key(), expires)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        )
        certificate = builder.sign(self._key, hashes.SHA256())
        file.touch(mode=0o600)
        file.write_bytes(
            certificate.public_bytes(Encoding.PEM)
            + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )

    def _authority_certificate(self, name: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.Certificate:
        builder = self._builder(name, public, datetime.now(UTC) + 30 * _DAY)
        for extension in (
            x509.BasicConstraints(ca=True, path_length=0),
            _key_usage_of_an_authority(),
        ):
            builder = builder.add_extension(extension, critical=True)
        identifier = x509.SubjectKeyIdentifier.from_public_key(public)
        return builder.add_extension(identifier, critical=False).sign(self._key, hashes.SHA256())

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, expires: datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(expires - 60 * _DAY)
            .not_valid_after(expires)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )


def _distinguished(*names: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in names])


def _key_usage_of_an_authority() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
