"""config/authorities.py and signatures.py: what is taken for an authority is one for openssl, too."""

import re
import ssl
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.certificates import parse_bundle
from errors import BadInput
from tests.certificates import Authority

KEYS: dict[str, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey] = {
    "rsa 1024": rsa.generate_private_key(65537, 1024),
    "rsa 2048": rsa.generate_private_key(65537, 2048),
    "p192": ec.generate_private_key(ec.SECP192R1()),
    "p256": ec.generate_private_key(ec.SECP256R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
}
USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
STRANGE = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")


@dataclass(frozen=True)
class Wanted:
    """A certificate to make, and what is odd about it.

    Args:
        key: Its key, one of KEYS.
        ca: Its basic constraints; None for none.
        signs: Whether its key usage lets it sign certificates; None for none.
        purposes: Its extended key usage; none when empty.
        strange: Whether it has an extension that nobody knows: None for none, else whether it is critical.
        damaged: Whether a bit of its signature is changed.
    """

    key: str = "p256"
    ca: bool | None = True
    signs: bool | None = True
    purposes: tuple[x509.ObjectIdentifier, ...] = ()
    strange: bool | None = None
    damaged: bool = False

    @property
    def pem(self) -> bytes:
        """The certificate, signed by its own key."""
        builder = _builder("Root", KEYS[self.key].public_key())
        if self.ca is not None:
            builder = builder.add_extension(x509.BasicConstraints(ca=self.ca, path_length=None), critical=True)
        if self.signs is not None:
            usage = {name: name == ("key_cert_sign" if self.signs else "crl_sign") for name in USAGES}
            builder = builder.add_extension(x509.KeyUsage(**usage), critical=True)
        if self.purposes:
            builder = builder.add_extension(x509.ExtendedKeyUsage(self.purposes), critical=False)
        if self.strange is not None:
            builder = builder.add_extension(STRANGE, critical=self.strange)
        made = self.sign(builder).public_bytes(Encoding.DER)
        if self.damaged:
            made = made[:-1] + bytes([made[-1] ^ 1])
        return ssl.DER_cert_to_PEM_cert(made).encode()

    @property
    def server(self) -> bytes:
        """The certificate of a server, signed by the same key."""
        builder = _builder("server", KEYS["p256"].public_key())
        return self.sign(builder).public_bytes(Encoding.PEM)

    def sign(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        key = KEYS[self.key]
        return builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())


def _builder(
    name: str, key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
) -> x509.CertificateBuilder:
    day = timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Root")]))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - day)
        .not_valid_after(datetime.now(UTC) + 9 * day)
    )


def is_trusted_by_openssl(bundle: bytes, server: bytes, folder: Path) -> bool:
    """Tell whether a client of openssl trusts a server by a file of authorities, at the level of the distributions."""
    (folder / "ca.pem").write_bytes(bundle)
    (folder / "server.pem").write_bytes(server)
    command = ["openssl", "verify", "-purpose", "sslserver", "-auth_level", "2", "-CAfile", "ca.pem", "server.pem"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    wanted=st.builds(
        Wanted,
        key=st.sampled_from(sorted(KEYS)),
        ca=st.sampled_from([True, True, False, None]),
        signs=st.sampled_from([True, True, False, None]),
        purposes=st.sampled_from(
            [(), (), (SERVER,), (CLIENT,), (CLIENT, SERVER), (ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)]
        ),
        strange=st.sampled_from([None, None, False, True]),
        damaged=st.sampled_from([False, False, True]),
    )
)
def test_what_is_taken_lets_a_client_of_openssl_trust_a_server(wanted: Wanted, tmp_path: Path) -> None:
    """Differential: what openssl does not trust is refused; beyond that only damage and a missing CA mark are."""
    pem = wanted.pem
    trusted = is_trusted_by_openssl(pem, wanted.server, tmp_path)
    try:
        [found] = parse_bundle(pem, "ca.pem")
    except BadInput:
        assert wanted.damaged or wanted.ca is None or not trusted
    else:
        assert found.pem.encode() == pem
        assert trusted


REFUSED = {
    "no CA": (Wanted(ca=False), "CN=Root is not the certificate of a certificate authority; it is signed by itself"),
    "no basic constraints": (Wanted(ca=None), "is not the certificate of a certificate authority"),
    "may not sign": (Wanted(signs=False), "its key usage has no keyCertSign"),
    "for clients": (Wanted(purposes=(CLIENT,)), "its extended key usage has no serverAuth"),
    "short RSA key": (Wanted(key="rsa 1024"), "a key of 1024 bits, and TLS clients take 2048 to 16384"),
    "short EC key": (Wanted(key="p192"), "a key of 192 bits"),
    "unknown critical extension": (Wanted(strange=True), r"do not know \(1\.3\.6\.1\.4\.1\.99999\.1\)"),
    "damaged": (Wanted(damaged=True), "is damaged or was forged"),
    "damaged RSA": (Wanted(key="rsa 2048", damaged=True), "is damaged or was forged"),
}


@pytest.mark.parametrize(("wanted", "said"), REFUSED.values(), ids=REFUSED)
def test_why_it_is_refused_is_said_with_its_place(wanted: Wanted, said: str) -> None:
    with pytest.raises(BadInput, match=said) as refused:
        parse_bundle(b"# a\n" + Authority("Other").pem + wanted.pem, "ca.pem")
    assert refused.value.message.startswith("ca.pem, certificate 2 (line 13): CN=Root ")


def test_an_intermediate_is_checked_by_its_signer_in_the_same_file() -> None:
    root = Authority("Root")
    below = root.intermediate("Below")
    assert len(parse_bundle(below.pem + root.pem, "ca.pem")) == 2
    assert len(parse_bundle(below.pem, "ca.pem")) == 1
    der = below.certificate.public_bytes(Encoding.DER)
    damaged = ssl.DER_cert_to_PEM_cert(der[:-1] + bytes([der[-1] ^ 1])).encode()
    with pytest.raises(BadInput, match=r"certificate 1 \(line 1\): CN=Below is damaged"):
        parse_bundle(damaged + root.pem, "ca.pem")


def test_an_authority_with_a_new_key_is_checked_by_the_one_before() -> None:
    """RFC 4210, 4.4: the new key's certificate, of the same name, is signed by the old key."""
    old = Authority("Root")
    new = old.intermediate("Root")
    assert len(parse_bundle(new.pem + old.pem, "ca.pem")) == 2
    with pytest.raises(BadInput, match="with the certificate of its signer"):
        parse_bundle(new.pem, "ca.pem")


@pytest.mark.parametrize("digest", ["-sha1", "-md5"])
def test_a_root_with_an_old_signature_is_taken_and_a_damaged_one_is_not(tmp_path: Path, digest: str) -> None:
    """Clients do not look at a root's own signature, and many roots in use have SHA-1."""
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key", "-subj", "/CN=Old", digest],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    ).stdout
    assert len(parse_bundle(made, "ca.pem")) == 1
    der = ssl.PEM_cert_to_DER_cert(made.decode())
    with pytest.raises(BadInput, match="is damaged or was forged"):
        parse_bundle(ssl.DER_cert_to_PEM_cert(der[:-1] + bytes([der[-1] ^ 1])).encode(), "ca.pem")


def test_a_root_with_a_damaged_name_is_no_intermediate_of_another(tmp_path: Path) -> None:
    """Its names differ then, and the identifier of its signer's key is still that of its own."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key", "-subj", "/CN=Rooted"]
    made = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout
    der = ssl.PEM_cert_to_DER_cert(made.decode())
    for name in (der.index(b"Rooted"), der.rindex(b"Rooted")):
        changed = der[:name] + b"Booted" + der[name + 6 :]
        with pytest.raises(BadInput, match="is damaged or was forged"):
            parse_bundle(ssl.DER_cert_to_PEM_cert(changed).encode(), "ca.pem")


def test_the_advice_for_a_server_that_signs_itself_can_be_followed(tmp_path: Path) -> None:
    """The command of the message makes a file that is taken, and that clients trust the server by."""
    with pytest.raises(BadInput) as refused:
        parse_bundle(Wanted(ca=False).pem, "ca.pem")
    [command] = re.findall("`([^`]+)`", refused.value.resolution)
    run = ["bash", "-ec", command.replace("SERVER", "localhost")]
    subprocess.run(run, cwd=tmp_path, check=True, capture_output=True)
    made = (tmp_path / "NEW.pem").read_bytes()
    [found] = parse_bundle(made, "NEW.pem")
    client, server = ssl.create_default_context(cadata=found.pem), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "NEW.pem", tmp_path / "NEW.key")
    assert shaken_hands(client, server, "localhost")


def shaken_hands(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> bool:
    """Let a client and a server shake hands in memory; an error of either is raised."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    left = list(ends)
    for _ in range(10):
        for end in list(left):
            try:
                end.do_handshake()
                left.remove(end)
            except ssl.SSLWantReadError:
                continue
        if not left:
            return True
    return False
