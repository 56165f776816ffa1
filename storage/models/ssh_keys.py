"""SSH public keys: parsed and written again, so that nothing else reaches authorized_keys."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_public_key

# sshd reads one key a line; a comment longer than this is no comment.
LONGEST_COMMENT = 255


def canonical_public_key(text: str) -> str:
    """Parse one SSH public key and write it again: type, key, and its comment when it is plain printable text.

    Args:
        text: The content of a `.pub` file: one line of type, base64 key and, optionally, a comment (sshd(8),
            AUTHORIZED_KEYS FILE FORMAT, without its options field).

    Raises:
        ValueError: Not one key of a supported type, or options or further lines around it.
    """
    line = text.removesuffix("\n").removesuffix("\r")
    if not line.isprintable():
        raise ValueError("is not one line of text: a public key file holds one line, 'type base64-key comment'")
    try:
        key = load_ssh_public_key(line.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError(
            "is not an SSH public key: expected 'type base64-key comment' as in a .pub file, without options before it"
        ) from error
    canonical = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    comment = line.split(maxsplit=2)[2:]
    return f"{canonical} {comment[0][:LONGEST_COMMENT]}" if comment else canonical
