"""storage/models/ssh_keys.py: a key is kept byte for byte, and the shells get the key that was handed in."""

import base64
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.models.ssh_keys import (
    LONGEST_COMMENT,
    LONGEST_KEY,
    SMALLEST_RSA_BITS,
    TYPES,
    checked_public_key,
    parse_public_key,
)
from tests.builder_pod import run_in_builder
from tests.ssh_keys import KEYS, of_parts, rsa_of

PLAIN = KEYS["ed25519"]
TYPE, _, BODY = PLAIN.partition(" ")
PRIVATE = (
    ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
)
POINT = ec.generate_private_key(ec.SECP256R1()).public_key()
COMPRESSED = POINT.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
SK_OF_THE_FIELD = (
    "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIDEZAKLRDLkjIMtrlfVRmIMZV0P668GXpnVMi"
    "QOOm6YDAAAAC3NzaDpjbHVzdGVy admin@site\n"
)
DSA_OF_THE_FIELD = (
    "ssh-dss AAAAB3NzaC1kc3MAAACBAIyWZ3B29RAx66hbwbnFFWk3E25zVagHE26uc8KVNbY8cpq3BVSQ0PUUvJ6cp0bdV8FdD+9Ok3AxNYxy"
    "2IvVGGJWkgycqKFwZbiAlBa17so698LJiUWBCzMQy+lKUMtyBDe7NL/tBcBgg7Cwef2k9T7BwluWs++rZ9JoqOVLzSJvAAAAFQC1f1CSMIuB"
    "K5eojhqRoqUyVp6a4wAAAIBWtcdxi8yBSS43t55qTUfNsy7SwHV7N4ysG5JBtjXT8HKGwC4jN3awkMYCGcWHT+h/eWiwjmNMi5c9nAiW+C9w"
    "Eoz7FdwlDKy3wRzDr7dsqlc24SF9JSCLY7O8GT9PF3bpZgibv+ya8Y15Q6lgkkiz+dC20Y1goHyu4BNbGMgAywAAAIBvpFf/2E1feGwDU3NN"
    "C0hD0ygxT9hCAQ3lCPH/Uj7aNCU5mo1xQYBweuHy33fdqEW+OMcsrpkbMOj2du7NjX0nl9ZW306rPxs2sMN+Z9tz6PXkLcEe79GLae2NiylU"
    "TTyaf/NSzPOTDnX8340/zAJH09Sothg7uFo/SPrEKijVXg== old@site.example\n"
)


def keygen(text: str, folder: Path) -> tuple[str, str] | None:
    """Return the fingerprint and the type that ssh-keygen finds in a file; None when it finds no key."""
    file = folder / "key.pub"
    file.write_text(text)
    ended = subprocess.run(["ssh-keygen", "-l", "-f", str(file)], capture_output=True, text=True, check=False)
    if ended.returncode:
        return None
    [shown] = ended.stdout.splitlines()
    return shown.split()[1], shown.rpartition(" ")[2]


@pytest.mark.parametrize(
    "form", ["{}", "{}\n", "{}\r\n", "{} me@host\n", "{} a comment of\twords \n", "{}\n\n \n", " {}"]
)
@pytest.mark.parametrize("kind", KEYS)
def test_every_type_is_kept_byte_for_byte_and_reaches_the_shell_as_it_was(kind: str, form: str) -> None:
    text = form.format(KEYS[kind])
    assert checked_public_key(text) == text
    line = parse_public_key(text).authorized_line
    assert line.split()[:2] == KEYS[kind].split()
    assert line.isprintable()


def test_the_key_of_a_security_key_is_not_written_as_another_type(tmp_path: Path) -> None:
    assert checked_public_key(SK_OF_THE_FIELD) == SK_OF_THE_FIELD
    key = parse_public_key(SK_OF_THE_FIELD)
    assert f"{key.authorized_line}\n" == SK_OF_THE_FIELD
    assert keygen(key.authorized_line, tmp_path) == (key.fingerprint, "(ED25519-SK)")


def test_the_comment_in_a_shell_has_an_end() -> None:
    text = f"{PLAIN} {'c' * 300}"
    assert checked_public_key(text) == text
    assert parse_public_key(text).authorized_line == f"{PLAIN} {'c' * LONGEST_COMMENT}"


def flipped(text: str, at: int) -> str:
    """Return a key with one bit of its blob changed."""
    kind, blob = text.split()[:2]
    raw = bytearray(base64.b64decode(blob))
    raw[at % len(raw)] ^= 1 << (at % 8)
    return f"{kind} {base64.b64encode(bytes(raw)).decode()}"


WAYS: dict[str, Callable[[str, int], str]] = {
    "as it is": lambda text, _: text,
    "a bit changed": flipped,
    "cut": lambda text, at: text[: len(text.split()[0]) + at % 400],
    "blanks within": lambda text, at: f"{text[: -(at % 60) - 1]} {text[-(at % 60) - 1 :]}",
    "options before": lambda text, at: ["no-pty ", 'command="id" ', "# ", "host ", " ", "\t", "\n"][at % 7] + text,
    "another type": lambda text, at: f"{TYPES[at % len(TYPES)]} {text.split()[1]}",
    "more after it": lambda text, at: text + ["\n\n", "\r\n", " a b", "\tc", "=", "\n" + PLAIN, " \x7f", "A"][at % 8],
    "bytes after it": lambda text, at: (
        f"{text.split()[0]} {base64.b64encode(base64.b64decode(text.split()[1]) + bytes(at % 9)).decode()}"
    ),
    "without padding": lambda text, _: text.rstrip("="),
}


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(sorted(KEYS)), way=st.sampled_from(sorted(WAYS)), at=st.integers(0, 5000))
def test_what_is_taken_is_to_ssh_keygen_the_same_key(kind: str, way: str, at: int, tmp_path: Path) -> None:
    """Differential: a text is refused, or ssh-keygen finds one key, and the same in the shell's line."""
    text = WAYS[way](KEYS[kind], at)
    try:
        key = parse_public_key(text)
    except ValueError:
        # What the way has left alone must be taken.
        assert way != "as it is"
        return
    found = keygen(text, tmp_path)
    assert found is not None
    assert found == keygen(key.authorized_line, tmp_path)
    assert found[0] == key.fingerprint


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(TYPES),
    st.lists(st.binary(max_size=70) | st.sampled_from([b"nistp256", b"ssh:", b"\x04" + bytes(64), b"\0"])),
)
def test_no_blob_of_any_content_raises_what_is_no_refusal(key_type: str, parts: list[bytes]) -> None:
    with suppress(ValueError):
        checked_public_key(of_parts(key_type, *parts))


REFUSED = {
    "empty": ("", "it is empty"),
    "an empty line": ("\n", "it is empty"),
    "garbage": ("garbage", "expected 'type base64-key comment'"),
    "type without key": (TYPE, "there is no key"),
    "cut": (f"{TYPE} {BODY[:-6]}", "not base64|cut off"),
    "bytes after the key": (f"{TYPE} {base64.b64encode(base64.b64decode(BODY) + b'more').decode()}", "damaged"),
    "another type than the key's": (f"ssh-rsa {BODY}", "not a key of that type"),
    "command before it": (f'command="rm -rf /" {PLAIN}', "without options"),
    "option before it": (f"no-pty,{PLAIN}", "expected"),
    "restrict before it": (f"restrict {PLAIN}", "without options"),
    "certificate authority": (f"cert-authority {PLAIN}", "without options"),
    "host before it (known_hosts)": (f"*.example.com {PLAIN}", "without options or hosts"),
    "comment line": (f"# {PLAIN}", "but a comment"),
    "two keys": (f"{PLAIN}\n{PLAIN}", "one line of text"),
    "second line with a command": (f'{PLAIN}\ncommand="evil" {PLAIN}', "one line of text"),
    "line break in the comment": (f"{PLAIN} comment\nssh-ed25519 AAAA", "one line of text"),
    "carriage return": (f"{PLAIN}\r{PLAIN}", "one line of text"),
    "null byte": (f"{PLAIN} a\x00b", "one line of text"),
    "line separator": (f"{PLAIN} a\u2028{PLAIN}", "one line of text"),
    "escape sequence": (f"{PLAIN} a\x1b[31m", "one line of text"),
    "byte order mark": (f"\ufeff{PLAIN}", "byte order mark"),
    "private key": (PRIVATE, "a private one"),
    "private key of PuTTY": ("PuTTY-User-Key-File-3: ssh-ed25519\n", "a private one of PuTTY"),
    "RFC 4716": ("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n", "ssh-keygen -i -f FILE"),
    "PKCS 8": ("-----BEGIN PUBLIC KEY-----\nAAAA\n", "ssh-keygen -i -m PKCS8 -f FILE"),
    "PEM": ("-----BEGIN RSA PUBLIC KEY-----\nAAAA\n", "ssh-keygen -i -m PEM -f FILE"),
    "certificate": ("ssh-ed25519-cert-v01@openssh.com AAAA me", "a certificate .* without -cert"),
    "DSA": (DSA_OF_THE_FIELD, "the SSH server of the shells takes: .*ssh-dss; make one with"),
    "short RSA": (rsa_of(1024), "an RSA key of 1024 bits, and not of 2048"),
    "RSA of 2047 bits": (rsa_of(2047), "an RSA key of 2047 bits"),
    "RSA of 16385 bits": (rsa_of(16385), "an RSA key of 16385 bits"),
    "unknown type": (of_parts("ssh-ed448", b"0" * 57), "of one of the types ssh-ed25519"),
    "blanks in the base64": (f"{TYPE} {BODY[:9]}\t{BODY[9:]}", "not base64|cut off"),
    "base64 with other ends": (f"ssh-rsa {rsa_of(2048).split()[1][:-3]}A==", "damaged|cut off"),
    "point at infinity": (of_parts("ecdsa-sha2-nistp256", b"nistp256", b"\0"), "damaged"),
    "compressed point": (of_parts("ecdsa-sha2-nistp256", b"nistp256", COMPRESSED), "not written as OpenSSH|damaged"),
    "number with a leading zero": (
        of_parts("ssh-rsa", b"\0\1\0\1", b"\0\0" + ((1 << 2047) | 1).to_bytes(256, "big")),
        "not written as OpenSSH|damaged",
    ),
    "endless": (f"{PLAIN} {'c' * LONGEST_KEY}", "more than any key has"),
}


@pytest.mark.parametrize(("text", "said"), REFUSED.values(), ids=REFUSED)
def test_anything_else_is_refused_with_what_it_is(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"^is not .*({said})"):
        checked_public_key(text)


def test_a_refusal_repeats_no_private_key() -> None:
    with pytest.raises(ValueError, match="is not") as refusal:
        checked_public_key(PRIVATE)
    assert PRIVATE.splitlines()[1] not in str(refusal.value)


@pytest.mark.containers
def test_the_types_are_those_that_the_sshd_of_the_shells_takes(tmp_path: Path) -> None:
    key = "ssh-keygen -q -t ed25519 -N '' -f /tmp/key && mkdir -p /run/sshd"
    asked = run_in_builder(["sh", "-c", f"{key} && /usr/sbin/sshd -T -f /dev/null -h /tmp/key"], workspace=tmp_path)
    said = dict(line.split(" ", 1) for line in asked.stdout.splitlines() if " " in line)
    taken = {name for name in said["pubkeyacceptedalgorithms"].split(",") if "-cert-" not in name}
    # Algorithms of signatures: those of RSA have other names than the type, and browsers make those of WebAuthn.
    assert {name for name in taken if not name.startswith(("rsa-", "webauthn-"))} | {"ssh-rsa"} == set(TYPES)
    assert {"rsa-sha2-256", "rsa-sha2-512"} <= taken
    assert int(said["requiredrsasize"]) <= SMALLEST_RSA_BITS
