"""Tests of config/certificates.py, with certificates made for each."""

import subprocess
import time
from codecs import BOM_UTF8
from datetime import UTC, datetime, timedelta
from pathlib import Path

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from config.certificates import LARGEST_BUNDLE_BYTES, parse_bundle
from errors import BadInput
from tests.certificates import Authority

ONE, TWO, THREE = Authority("One"), Authority("Two"), Authority("Three")
DER = ONE.certificate.public_bytes(Encoding.DER)
YEAR = timedelta(days=365)


def as_pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


def of_no_ca(folder: Path) -> bytes:
    """The certificate of a server, without its key."""
    ONE.issue(folder / "server.pem")
    return (folder / "server.pem").read_bytes().partition(b"-----BEGIN PRIVATE KEY")[0]


def of_version_1(folder: Path, issuer: Authority | None = None) -> bytes:
    """A certificate of version 1, which has no extensions; its own root unless an issuer is given."""
    command = ["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Old", "-keyout", "key"]
    request = subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout
    sign = ["openssl", "x509", "-req", "-days", "9", "-signkey", "key"]
    if issuer:
        (folder / "issuer.pem").write_bytes(issuer.pem_with_key)
        sign = ["openssl", "x509", "-req", "-days", "9", "-CA", "issuer.pem", "-set_serial", "7"]
    return subprocess.run(sign, cwd=folder, check=True, capture_output=True, input=request).stdout


def test_a_bundle_is_taken_in_its_order() -> None:
    found = parse_bundle(TWO.pem + ONE.pem, "ca.pem")
    assert [each.subject for each in found] == ["CN=Two", "CN=One"]
    assert [each.pem.encode() for each in found] == [TWO.pem, ONE.pem]


def test_what_is_there_twice_is_taken_once() -> None:
    assert [each.subject for each in parse_bundle(ONE.pem + TWO.pem + ONE.pem, "ca.pem")] == ["CN=One", "CN=Two"]


def test_one_that_is_there_very_often_takes_no_time() -> None:
    one, started = ONE.pem, time.process_time()
    assert len(parse_bundle(one * (LARGEST_BUNDLE_BYTES // len(one)), "ca.pem")) == 1
    assert time.process_time() - started < 3


def test_a_byte_order_mark_before_the_first_is_no_damage() -> None:
    assert parse_bundle(BOM_UTF8 + ONE.pem, "ca.pem") == parse_bundle(ONE.pem, "ca.pem")


def test_the_text_around_certificates_does_not_come_along() -> None:
    around = b"# One\nsubject=/CN=One\n" + ONE.pem.replace(b"\n", b"\r\n") + b"\n# the end \xff\n"
    (found,) = parse_bundle(around, "ca.pem")
    assert found.pem.encode() == ONE.pem


def test_the_fingerprint_and_the_end_are_the_certificates() -> None:
    (found,) = parse_bundle(ONE.pem, "ca.pem")
    shown = subprocess.run(
        ["openssl", "x509", "-noout", "-fingerprint", "-sha256"], input=ONE.pem, capture_output=True, check=True
    )
    assert found.sha256 == shown.stdout.decode().strip().partition("=")[2].replace(":", "").lower()
    assert found.expires == ONE.certificate.not_valid_after_utc


def test_a_root_of_version_1_is_an_authority(tmp_path: Path) -> None:
    (found,) = parse_bundle(of_version_1(tmp_path), "ca.pem")
    assert found.subject == "CN=Old"


def test_another_certificate_of_version_1_is_none(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="CN=Old is not the certificate of a certificate authority"):
        parse_bundle(of_version_1(tmp_path, ONE), "ca.pem")


# The bytes that stand for version 3 of a certificate, the largest there is, and for another.
VERSION_3, VERSION_4 = bytes.fromhex("a003020102"), bytes.fromhex("a003020103")
# The object identifier of the subject key identifier, in place of which the authority's is named a second time.
SUBJECT_KEY, AUTHORITY_KEY = bytes.fromhex("0603551d0e"), bytes.fromhex("0603551d23")


def armoured(der: bytes) -> bytes:
    """Write bytes as PEM, whatever they are."""
    shown = subprocess.run(["openssl", "base64"], input=der, capture_output=True, check=True).stdout
    return b"-----BEGIN CERTIFICATE-----\n" + shown + b"-----END CERTIFICATE-----\n"


BAD = {
    "empty": (b"", "holds no certificate in PEM form"),
    "not PEM": (b"no certificate\n", "holds no certificate in PEM form"),
    "DER": (DER, "convert a DER file"),
    "another kind of PEM": (ONE.pem.replace(b"CERTIFICATE", b"X509 CRL"), "holds no certificate in PEM form"),
    "garbage for base64": (
        b"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
        "holds a certificate that cannot be read",
    ),
    "base64 of garbage": (armoured(b"garbage"), "holds a certificate that cannot be read"),
    "in a row of others": (
        ONE.pem + ONE.pem.replace(b"CERTIFICATE", b"X509 CRL"),
        r"certificate 2 \(line 12\): it is a X509 CRL",
    ),
    "not closed": (ONE.pem.partition(b"-----END")[0], "holds a certificate that cannot be read"),
    "a good one and a broken one": (ONE.pem + armoured(DER[:-9]), "holds a certificate that cannot be read"),
    "of an unknown version": (armoured(DER.replace(VERSION_3, VERSION_4)), "holds a certificate that cannot be read"),
    "with an extension twice": (
        armoured(DER.replace(SUBJECT_KEY, AUTHORITY_KEY)),
        "holds a certificate that cannot be read",
    ),
    "a request": (ONE.pem.replace(b"CERTIFICATE", b"CERTIFICATE REQUEST"), "it holds a CERTIFICATE REQUEST"),
    "huge": (ONE.pem + b"#" * LARGEST_BUNDLE_BYTES, "more than a bundle of certificates has"),
}


@pytest.mark.parametrize(("data", "said"), BAD.values(), ids=BAD)
def test_what_is_no_bundle_of_certificates_is_refused_by_name(data: bytes, said: str) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        parse_bundle(data, "/etc/ims/ca.pem")
    assert str(caught.value).startswith("/etc/ims/ca.pem ")


@pytest.mark.parametrize("kind", ["PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "EC PRIVATE KEY"])
def test_a_private_key_in_it_is_refused(kind: str) -> None:
    with pytest.raises(BadInput, match="holds a private key"):
        parse_bundle(ONE.pem + f"-----BEGIN {kind}-----\nAAAA\n-----END {kind}-----\n".encode(), "ca.pem")


def test_a_certificate_of_no_authority_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="CN=localhost is not the certificate of a certificate authority"):
        parse_bundle(ONE.pem + of_no_ca(tmp_path), "ca.pem")


@pytest.mark.parametrize(
    ("later", "said"), [(YEAR, "CN=One has expired on 20"), (-YEAR, "CN=One is not valid before 20")]
)
def test_a_certificate_that_is_not_valid_on_the_day_is_refused(later: timedelta, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        parse_bundle(ONE.pem, "ca.pem", today=datetime.now(UTC) + later)


@pytest.mark.parametrize("name", ["evil\nerror: all is lost", "red\x1b[31m", "left\u202etfel", "a\tb"])
def test_a_hostile_name_is_one_line_that_prints(name: str) -> None:
    (found,) = parse_bundle(Authority(name).pem, "ca.pem")
    assert found.subject.isprintable()


def test_a_giant_name_is_cut() -> None:
    (found,) = parse_bundle(Authority(*["x" * 64] * 10).pem, "ca.pem")
    assert len(found.subject) < 250


def test_every_root_of_a_public_trust_store_is_taken() -> None:
    """Mozilla's roots, of all ages, keys and signatures: each on a day on which it is valid."""
    data = Path(certifi.where()).read_bytes()
    roots = x509.load_pem_x509_certificates(data)
    assert len(roots) == data.count(b"-----BEGIN CERTIFICATE-----") > 100
    for root in roots:
        day = root.not_valid_before_utc + timedelta(days=1)
        [found] = parse_bundle(root.public_bytes(Encoding.PEM), "ca.pem", today=day)
        assert found.sha256 == root.fingerprint(SHA256()).hex()


def edited(data: bytes, edit: str, start: int, length: int) -> bytes:
    """Return a file that something happened to: the bytes or lines of a range are gone, doubled or replaced."""
    pieces = (
        data.splitlines(keepends=True) if edit.endswith("lines") else [data[at : at + 1] for at in range(len(data))]
    )
    start %= len(pieces) + 1
    before, middle, after = pieces[:start], pieces[start : start + length], pieces[start + length :]
    changed = {"cut": [], "doubled": middle * 2, "replaced": [b"#"] * len(middle), "ended": []}[edit.split()[0]]
    return b"".join([*before, *changed, *([] if edit.startswith("ended") else after)])


@settings(max_examples=150, deadline=None)
@given(
    edit=st.sampled_from(
        [f"{how} {what}" for how in ("cut", "doubled", "replaced", "ended") for what in ("bytes", "lines")]
    ),
    start=st.integers(0, 5000),
    length=st.integers(0, 30),
    around=st.sampled_from([b"", b"\n", b"# One of the site's\n", b"subject=CN = One\n\n"]),
)
def test_nothing_of_a_certificate_is_left_out(edit: str, start: int, length: int, around: bytes) -> None:
    """Whatever happens to a bundle, it is refused, or as many certificates come out as are in it, whole."""
    bundle = around.join([ONE.pem, TWO.pem, THREE.pem])
    data = edited(bundle, edit, start, length)
    try:
        found = {each.pem.encode() for each in parse_bundle(data, "ca.pem")}
    except BadInput:
        assert data != bundle
        return
    assert found <= {ONE.pem, TWO.pem, THREE.pem}
    for left_out in {ONE.pem, TWO.pem, THREE.pem} - found:
        # Its first and its last line are those of all.
        assert not set(left_out.splitlines()[1:-1]) & set(data.splitlines())


def test_the_bundle_of_the_field_is_refused_with_the_place_where_it_broke() -> None:
    data = (Path(__file__).parent / "truncated.pem").read_bytes()
    with pytest.raises(BadInput, match=r"line 20: the CERTIFICATE that begins here is not closed .* cut off"):
        parse_bundle(data, "ca.pem")
    assert len(parse_bundle(data[: data.rindex(b"-----BEGIN")], "ca.pem")) == 1
