"""SSH public keys: read to be checked, and kept byte for byte as they were handed in.

The rule: what a shell is opened with is the key that was handed in, of the same type and with the same fingerprint, and
nothing beside it reaches authorized_keys.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_public_key

# What the shells' sshd takes (`sshd -T`, pubkeyacceptedalgorithms), but for certificates.
TYPES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
# NIST SP 800-57 counts shorter ones as broken; OpenSSH has no longer ones (SSHBUF_MAX_BIGNUM).
SMALLEST_RSA_BITS, LARGEST_RSA_BITS = 2048, 16384
# An RSA key of 16384 bits has 2,750 characters.
LONGEST_KEY = 16384
# In authorized_keys: a comment longer than this is no comment.
LONGEST_COMMENT = 255

_EXPECTED = "expected 'type base64-key comment' as in a .pub file"
_NEW_KEY = "make one with `ssh-keygen -t ed25519`"
# What other forms of keys begin with, and what is to be done with them.
_OTHER_FORMS = {
    "\ufeff": "is not plain text: it begins with a byte order mark; give the .pub file as ssh-keygen has written it",
    "PuTTY-User-Key-File": "is not a public key but a private one of PuTTY: give what PuTTYgen shows as the public key",
    "---- BEGIN SSH2": "is not in the form of OpenSSH but of RFC 4716: convert it with `ssh-keygen -i -f FILE`",
    "-----BEGIN PUBLIC KEY": "is not in the form of OpenSSH: convert it with `ssh-keygen -i -m PKCS8 -f FILE`",
    "-----BEGIN RSA PUBLIC KEY": "is not in the form of OpenSSH: convert it with `ssh-keygen -i -m PEM -f FILE`",
}


@dataclass(frozen=True)
class SshKey:
    """An SSH public key.

    Args:
        type: Its type.
        blob: The key as base64.
        comment: Its comment; empty when it has none.
    """

    type: str
    blob: str
    comment: str

    @property
    def authorized_line(self) -> str:
        """The key as a line of authorized_keys, without a line end."""
        return " ".join(filter(None, (self.type, self.blob, self.comment[:LONGEST_COMMENT].rstrip())))

    @property
    def fingerprint(self) -> str:
        """Its fingerprint, as `ssh-keygen -l` prints it."""
        digest = hashlib.sha256(base64.b64decode(self.blob)).digest()
        return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def checked_public_key(text: str) -> str:
    """Return the text of an SSH public key as it is, when the shells take the key.

    Raises:
        ValueError: As `parse_public_key`.
    """
    parse_public_key(text)
    return text


def parse_public_key(text: str) -> SshKey:
    """Read one SSH public key.

    Args:
        text: The content of a `.pub` file: one line of type, base64 key and, optionally, a comment (sshd(8),
            AUTHORIZED_KEYS FILE FORMAT, without its options field). Blank lines around it do not count.

    Raises:
        ValueError: It is not one key, or the shells do not take it.
    """
    line = _only_line(text)
    fields = line.split(None, 2)
    key_type = fields[0]
    if key_type not in TYPES:
        raise ValueError(_why_not(key_type, fields[1:]))
    if len(fields) == 1:
        raise ValueError(f"is not an SSH public key: after {key_type} there is no key; {_EXPECTED}")
    _check_blob(key_type, fields[1])
    return SshKey(key_type, fields[1], fields[2].rstrip() if fields[2:] else "")


def _only_line(text: str) -> str:
    if len(text) > LONGEST_KEY:
        raise ValueError(f"is not an SSH public key: it has {len(text)} characters, more than any key has")
    if "PRIVATE KEY" in text:
        raise ValueError("is not a public key but a private one: keep it, and give the .pub file beside it")
    for beginning, what in _OTHER_FORMS.items():
        if text.lstrip().startswith(beginning):
            raise ValueError(what)
    lines = [line.removesuffix("\r").replace("\t", " ") for line in text.split("\n")]
    lines = [line for line in lines if line.strip(" ")]
    if not lines:
        raise ValueError(f"is not an SSH public key: it is empty; {_EXPECTED}")
    if len(lines) > 1:
        raise ValueError(f"is not one line of text but {len(lines)}: a public key is one; register each key by itself")
    if not lines[0].isprintable():
        raise ValueError(f"is not one line of text: it contains control characters; {_EXPECTED}")
    return lines[0].strip(" ")


def _why_not(key_type: str, rest: list[str]) -> str:
    """Return why a line that begins with none of our types is refused."""
    if key_type.startswith("#"):
        return f"is not an SSH public key but a comment; {_EXPECTED}"
    if "-cert-v" in key_type:
        return (
            f"is not a plain public key but a certificate ({key_type}), which the shells do not check: "
            "give the public key that it was made of, the .pub file without -cert"
        )
    if key_type == "ssh-dss":
        return (
            f"is not a key that the SSH server of the shells takes: OpenSSH has given up its type, ssh-dss; {_NEW_KEY}"
        )
    if any(field in TYPES for text in rest for field in text.split()):
        return f"is not an SSH public key alone: {_EXPECTED}, without options or hosts before it"
    return f"is not an SSH public key: {_EXPECTED}, of one of the types {', '.join(TYPES)}"


def _check_blob(key_type: str, blob: str) -> None:
    """Refuse a key that OpenSSH would read as another one, or not at all."""
    try:
        given = base64.b64decode(blob, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"is not an SSH public key: what follows {key_type} is not base64") from error
    if base64.b64encode(given).decode() != blob or not given.startswith(_text(key_type)):
        raise ValueError(f"is not an SSH public key: what follows {key_type} is not a key of that type, or was cut off")
    try:
        key = load_ssh_public_key(f"{key_type} {blob}".encode())
        again = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).split()
    # Besides ValueError it raises UnsupportedAlgorithm, NotImplementedError and what its parsers stumble over.
    except Exception as error:
        raise ValueError(f"is not an SSH public key: its {key_type} key is damaged") from error
    # cryptography reads the key of a security key as that of its curve; and forms that OpenSSH does not.
    plain_type, plain = again[0].decode(), base64.b64decode(again[1])
    body, plain_body = given.removeprefix(_text(key_type)), plain.removeprefix(_text(plain_type))
    if body != plain_body and not (key_type.startswith("sk-") and body.startswith(plain_body)):
        raise ValueError(f"is not an SSH public key: its {key_type} key is not written as OpenSSH writes it")
    if isinstance(key, RSAPublicKey) and not SMALLEST_RSA_BITS <= key.key_size <= LARGEST_RSA_BITS:
        raise ValueError(
            f"is not a key that may open a shell: an RSA key of {key.key_size} bits, and not of {SMALLEST_RSA_BITS} "
            f"to {LARGEST_RSA_BITS}; {_NEW_KEY}"
        )


def _text(text: str) -> bytes:
    """Return a text as SSH writes it: its length, then itself (RFC 4251, 5)."""
    return len(text).to_bytes(4, "big") + text.encode()
