"""SSH public keys of all types that the shells take, made without private keys."""

import base64

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_ED25519 = ed25519.Ed25519PrivateKey.generate().public_key()
_P256 = ec.generate_private_key(ec.SECP256R1()).public_key()


def line(key: ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> str:
    """Return a key as OpenSSH writes it."""
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def rsa_of(bits: int) -> str:
    """Return a public RSA key of so many bits; no private key belongs to it."""
    return line(rsa.RSAPublicNumbers(65537, (1 << (bits - 1)) | 1).public_key())


def of_parts(key_type: str, *parts: bytes) -> str:
    """Return a key of a type and of the strings that its blob consists of (RFC 4251, 5)."""
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in (key_type.encode(), *parts))
    return f"{key_type} {base64.b64encode(blob).decode()}"


KEYS = {
    "ed25519": line(_ED25519),
    "ecdsa 256": line(_P256),
    "ecdsa 384": line(ec.generate_private_key(ec.SECP384R1()).public_key()),
    "ecdsa 521": line(ec.generate_private_key(ec.SECP521R1()).public_key()),
    "rsa 2048": rsa_of(2048),
    "rsa 16384": rsa_of(16384),
    "sk-ed25519": of_parts("sk-ssh-ed25519@openssh.com", _ED25519.public_bytes_raw(), b"ssh:cluster"),
    "sk-ecdsa": of_parts(
        "sk-ecdsa-sha2-nistp256@openssh.com",
        b"nistp256",
        _P256.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
        b"ssh:",
    ),
}
