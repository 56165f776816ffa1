"""builder/pod/inspection/secrets.py: keys and credentials are found by what they are, and never quoted."""

from pathlib import Path

import pytest

from builder.pod.inspection.secrets import check_credentials, check_keys, may_be_key
from tests.builder.whole_root import make_root, put

SECRET = "cHJpdmF0ZQ-wonderland"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_root(tmp_path / "root")


@pytest.mark.parametrize("kind", ["", "RSA ", "EC ", "ENCRYPTED ", "OPENSSH "])
def test_every_form_of_a_private_key_is_one(kind: str, root: Path) -> None:
    put(root, "etc/site.pem", f"-----BEGIN CERTIFICATE-----\n-----BEGIN {kind}PRIVATE KEY-----\n{SECRET}\n")
    [found] = check_keys(root, ["etc/site.pem"])
    assert (found.name, found.what) == ("private-keys", "the image would hold private keys: /etc/site.pem")


def test_certificates_and_public_keys_are_no_secrets(root: Path) -> None:
    put(root, "etc/site.pem", "-----BEGIN CERTIFICATE-----\n")
    put(root, "etc/site.key", "-----BEGIN PUBLIC KEY-----\n")
    assert list(check_keys(root, ["etc/site.pem", "etc/site.key"])) == []


def test_names_of_keys_are_known() -> None:
    assert all(may_be_key("etc", name) for name in ("id_rsa", "ssh_host_rsa_key", "a.key", "a.pem", "a.ppk"))
    assert not any(may_be_key("etc", name) for name in ("id_rsa.pub", "ssh_host_rsa_key.pub", "key", "a.crt"))
    assert may_be_key("home/me/.ssh", "anything")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("etc/zypp/credentials.d/SCCcredentials", f"username=u\npassword={SECRET}\n"),
        ("etc/apt/auth.conf.d/site.conf", f"machine a login b password {SECRET}\n"),
        ("etc/yum.repos.d/site.repo", f"[a]\nname=a\npassword = {SECRET}\n"),
        ("etc/zypp/repos.d/site.repo", f"[a]\nbaseurl=https://user:{SECRET}@host/a\n"),
        ("etc/apt/sources.list.d/site.list", f"deb https://user:{SECRET}@host/a stable main\n"),
        ("etc/munge/munge.key", SECRET),
        ("root/.netrc", f"machine a login b password {SECRET}\n"),
    ],
)
def test_credentials_are_found_where_they_lie_and_not_quoted(name: str, content: str, root: Path) -> None:
    put(root, name, content)
    [found] = check_credentials(root)
    assert found.what == f"the image would hold credentials: /{name if 'credentials.d' not in name else ''}" or (
        "/etc/zypp/credentials.d" in found.what or "/etc/apt/auth.conf.d" in found.what
    )
    assert SECRET not in found.what + found.advice


def test_repositories_without_a_login_are_no_finding(root: Path) -> None:
    put(root, "etc/yum.repos.d/site.repo", "[a]\nbaseurl=https://host:8443/a@b/\npasswordless=1\n")
    put(root, "etc/apt/auth.conf", "")
    assert list(check_credentials(root)) == []
