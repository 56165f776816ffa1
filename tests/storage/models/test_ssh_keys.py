"""Only one public key, and nothing with it, comes through."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from storage.models.ssh_keys import LONGEST_COMMENT, canonical_public_key

ED25519 = ed25519.Ed25519PrivateKey.generate()
PLAIN = ED25519.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
PRIVATE = ED25519.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
TYPE, _, BODY = PLAIN.partition(" ")


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        (PLAIN, PLAIN),
        (f"{PLAIN}\n", PLAIN),
        (f"{PLAIN}\r\n", PLAIN),
        (f"{PLAIN} root@uan01", f"{PLAIN} root@uan01"),
        (f"{PLAIN} user: me", f"{PLAIN} user: me"),
        (f"{PLAIN} {'c' * 300}", f"{PLAIN} {'c' * LONGEST_COMMENT}"),
    ],
    ids=["plain", "a line", "a DOS line", "comment", "comment of words", "endless comment"],
)
def test_a_key_is_written_again_in_its_canonical_form(text: str, canonical: str) -> None:
    assert canonical_public_key(text) == canonical


@pytest.mark.parametrize(
    "public_key",
    [
        rsa.generate_private_key(65537, 2048).public_key(),
        ec.generate_private_key(ec.SECP256R1()).public_key(),
        ec.generate_private_key(ec.SECP521R1()).public_key(),
    ],
    ids=["rsa", "ecdsa 256", "ecdsa 521"],
)
def test_every_usual_type_is_taken(public_key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> None:
    text = public_key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    assert canonical_public_key(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "garbage",
        TYPE,
        f"{TYPE} {BODY[:-6]}",
        f"{TYPE} {base64.b64encode(base64.b64decode(BODY) + b'more').decode()}",
        f"ssh-rsa {BODY}",
        f'command="rm -rf /" {PLAIN}',
        f"no-pty,{PLAIN}",
        f"restrict {PLAIN}",
        f"cert-authority {PLAIN}",
        f"*.example.com {PLAIN}",
        f"# {PLAIN}",
        f"{PLAIN}\n{PLAIN}",
        f'{PLAIN}\ncommand="evil" {PLAIN}',
        f"{PLAIN} comment\nssh-ed25519 AAAA",
        f"{PLAIN}\r{PLAIN}",
        f"{PLAIN}\n\n",
        f"{PLAIN} a\x00b",
        f"{PLAIN} a\u2028{PLAIN}",
        f"{PLAIN} a\x1b[31m",
        PRIVATE,
    ],
    ids=[
        "empty",
        "an empty line",
        "garbage",
        "type without key",
        "truncated",
        "bytes after the key",
        "another type than the key's",
        "command before it",
        "option before it",
        "restrict before it",
        "certificate authority",
        "host before it (known_hosts)",
        "comment line",
        "two keys",
        "second line with a command",
        "line break in the comment",
        "carriage return",
        "two line ends",
        "null byte",
        "line separator",
        "escape sequence",
        "private key",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        canonical_public_key(text)


def test_a_refusal_does_not_repeat_a_private_key() -> None:
    with pytest.raises(ValueError, match="is not") as refusal:
        canonical_public_key(PRIVATE)
    assert PRIVATE.splitlines()[1] not in str(refusal.value)
