"""config/certificate_files.py: each other form is refused with a command that makes a file which is taken."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from config.certificates import parse_bundle
from errors import BadInput
from tests.certificates import Authority

ONE, TWO = Authority("One"), Authority("Two")
DER = ONE.certificate.public_bytes(Encoding.DER)


def openssl(*arguments: str, data: bytes = ONE.pem) -> bytes:
    """Return what openssl makes of a file."""
    return subprocess.run(["openssl", *arguments], input=data, capture_output=True, check=True).stdout


def pkcs7(*arguments: str) -> bytes:
    return openssl("crl2pkcs7", "-nocrl", "-certfile", "/dev/stdin", *arguments, data=ONE.pem + TWO.pem)


def trusted() -> bytes:
    both = (ONE.pem, TWO.pem)
    return b"".join(openssl("x509", "-trustout", "-addtrust", "serverAuth", data=pem) for pem in both)


# Each form, and how many certificates it holds.
FORMS: dict[str, tuple[Callable[[], bytes], int]] = {
    "TRUSTED CERTIFICATE": (trusted, 2),
    "one of them, beside a usual one": (lambda: ONE.pem + openssl("x509", "-trustout", data=TWO.pem), 2),
    "PKCS7": (pkcs7, 2),
    "PKCS7 in DER": (lambda: pkcs7("-outform", "der"), 2),
    "DER": (lambda: DER, 1),
    "base64 alone": (lambda: openssl("base64", data=DER), 1),
    "UTF-16": (lambda: (ONE.pem + TWO.pem).decode().encode("utf-16"), 2),
    "PKCS12": (lambda: openssl("pkcs12", "-export", "-nokeys", "-passout", "pass:"), 1),
}


@pytest.mark.parametrize(("make", "count"), FORMS.values(), ids=FORMS)
def test_the_command_that_is_named_makes_a_file_that_is_taken(
    make: Callable[[], bytes], count: int, tmp_path: Path
) -> None:
    (tmp_path / "FILE").write_bytes(make())
    with pytest.raises(BadInput) as refused:
        parse_bundle((tmp_path / "FILE").read_bytes(), "ca.pem")
    assert refused.value.message.startswith("ca.pem ")
    [command] = re.findall("`([^`]+)`", refused.value.resolution)
    password = ["-passin", "pass:"] if "pkcs12" in command else []
    subprocess.run(["bash", "-ec", " ".join([command, *password])], cwd=tmp_path, check=True, capture_output=True)
    assert len(parse_bundle((tmp_path / "NEW.pem").read_bytes(), "NEW.pem")) == count


def test_a_keystore_and_anything_else_are_named() -> None:
    for data, said in ((b"\xfe\xed\xfe\xed\0\0\0\2", "a keystore of Java"), (b"hello", "holds no certificate in PEM")):
        with pytest.raises(BadInput, match=said):
            parse_bundle(data, "ca.pem")


def test_a_private_key_is_refused_without_a_word_of_it() -> None:
    data = TWO.pem + ONE.pem_with_key
    with pytest.raises(BadInput, match="holds a private key") as refused:
        parse_bundle(data, "ca.pem")
    assert not any(line in str(refused.value) for line in data.decode().splitlines() if not line.startswith("-----"))
