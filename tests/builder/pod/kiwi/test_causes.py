"""Tests of builder/pod/kiwi/causes.py: what package managers said, and what they say of a real server."""

from pathlib import Path

import pytest

from builder.pod.kiwi.causes import cause_in
from tests.builder_pod import run_in_builder
from tests.https_site import CertificateKind, HttpsSite, Login

URL = "https://localhost:8443/base"
SAID = {
    "kiwi, an interpreter that is not there": (
        "config.sh failed: chroot: failed to run command '/image/config.sh': No such file or directory\n",
        "the program that the first line of config.sh names is not in the image root",
    ),
    "zypper, issuer unknown": (
        (
            f"[base|{URL}] Valid metadata not found at specified URL\nHistory:\n"
            f" - [|] Error trying to read from '{URL}'\n"
            f" - Download (curl) error for '{URL}/repodata/repomd.xml':\nError code: Curl error 60\n"
            "Error message: SSL certificate problem: unable to get local issuer certificate\n"
        ),
        f"the certificate of the server of {URL} is not trusted",
    ),
    "zypper, a package's file": (
        (
            f"Download (curl) error for '{URL}/x86_64/a.rpm':\nError code: Curl error 60\n"
            "Error message: SSL certificate problem: certificate has expired\n"
        ),
        f"the certificate of the server of {URL}/x86_64/a.rpm has expired",
    ),
    "dnf, older curl, issuer unknown": (
        (
            "Curl error (60): Peer certificate cannot be authenticated with given CA certificates for "
            f"{URL}/repodata/repomd.xml [SSL certificate problem: unable to get local issuer certificate]\n"
        ),
        f"the certificate of the server of {URL}/repodata/repomd.xml is not trusted",
    ),
    "dnf, newer curl, expired": (
        (
            "Curl error (60): SSL peer certificate or SSH remote key was not OK for "
            f"{URL}/repodata/repomd.xml [SSL certificate problem: certificate has expired]\n"
        ),
        f"the certificate of the server of {URL}/repodata/repomd.xml has expired",
    ),
    "dnf, no connection": (
        f"Curl error (7): Couldn't connect to server for {URL}/repodata/repomd.xml [Failed to connect]\n",
        f"{URL}/repodata/repomd.xml was there before the build and does not answer any more",
    ),
    "APT, issuer unknown": (
        (
            f"Err:1 {URL} bookworm InRelease\n  Certificate verification failed: The certificate is NOT trusted. The "
            "certificate issuer is unknown.  Could not handshake: Error in the certificate verification.\n"
        ),
        f"the certificate of the server of {URL} is not trusted",
    ),
    "zypper, no provider": (
        "No provider of 'no-such-package' found.\n",
        "there is no package no-such-package in the repositories of the description",
    ),
    "zypper, no package": ("Package 'no-such' not found.\n", "there is no package no-such in"),
    "dnf, no match": (
        "No match for argument: no-such\nError: Unable to find a match: no-such\n",
        "no package no-such in",
    ),
    "dnf, a dependency": (
        " - nothing provides libfoo.so.1 needed by bar-1-1.noarch from base\n",
        "there is no package libfoo.so.1 in",
    ),
    "APT, no package": ("E: Unable to locate package no-such\n", "there is no package no-such in"),
    "debootstrap, no answer": (
        f"E: Failed getting release file {URL}/dists/bookworm/Release\n",
        f"{URL}/dists/bookworm/Release was there before the build and does not answer any more",
    ),
    "debootstrap, no packages": (
        "E: Couldn't find these debs: no-such other\n",
        "there is no package no-such other in",
    ),
    "dnf, an unsigned package": (
        "Package filesystem-1-1.noarch.rpm is not signed\nError: GPG check FAILED\n",
        "package filesystem-1-1.noarch.rpm is not signed by a key that is known",
    ),
    "dnf, a stranger's package": (
        "Public key for filesystem-1-1.noarch.rpm is not installed. Failing package is: filesystem-1-1.noarch\n",
        "package filesystem-1-1.noarch.rpm is not signed by a key that is known",
    ),
    "zypper, a stranger's package": (
        "filesystem-1-1.noarch (base): Signature verification failed [4-Signatures public key is not available]\n",
        "package filesystem-1-1.noarch is not signed by a key that is known",
    ),
    "dnf, unsigned metadata": (
        "Error: Failed to download metadata for repo 'base': repomd.xml GPG signature verification error: Bad GPG\n",
        "the metadata of base is not signed by a key that is known",
    ),
    "APT, unsigned metadata": (
        f"E: The repository '{URL} bookworm InRelease' is not signed.\n",
        f"the metadata of {URL} bookworm InRelease is not signed",
    ),
    "a certificate counts before what follows from it": (
        f"E: Couldn't find these debs: a\nW: Failed to fetch {URL}/InRelease  Certificate verification failed: no\n",
        f"the certificate of the server of {URL}/InRelease is not trusted",
    ),
    "masked credentials": (
        "Status code: 401 for https://***@localhost:8443/base/repodata/repomd.xml (IP: 127.0.0.1)\n",
        f"the server of {URL}/repodata/repomd.xml refuses our credentials",
    ),
    "braces": ("No match for argument: {0}{x}\n", "there is no package {0}{x} in"),
}


@pytest.mark.parametrize(("log", "what"), SAID.values(), ids=SAID)
def test_the_output_of_a_package_manager_becomes_a_cause_in_an_administrators_terms(log: str, what: str) -> None:
    cause = cause_in(f"something before\n{log}something after\n")
    assert cause is not None
    assert what in cause.what
    assert cause.advice


@pytest.mark.parametrize(
    "log", ["", "everything went well\n", "Certificate verification failed\n", "the repository is not found\n"]
)
def test_what_is_no_cause_is_not_taken_for_one(log: str) -> None:
    assert cause_in(log) is None


def test_a_giant_name_is_cut() -> None:
    cause = cause_in(f"No match for argument: {'x' * 5000}\n")
    assert cause is not None
    assert len(cause.what) < 400


_REPOSITORY = "[base]\nname=base\nbaseurl={url}\nenabled=1\nrepo_gpgcheck=0\n"
_ASK = {
    "zypper": "zypper --non-interactive --reposd-dir /workspace --cache-dir /tmp/c refresh base",
    "dnf": "dnf --setopt=reposdir=/workspace --setopt=cachedir=/tmp/c --releasever=1 makecache",
    "apt": "apt-get -o Dir::Etc::sourcelist=/workspace/base.list -o Dir::Etc::sourceparts=- "
    "-o Acquire::Retries=0 update",
}
_WRONG = {
    "expired": ("expired", "the certificate of the server of {} has expired"),
    "stranger": ("stranger", "the certificate of the server of {} is not trusted"),
    "login": ("good", "the server of {} refuses our credentials"),
    "gone": ("good", "{} was there before the build and does not answer any more"),
}


@pytest.mark.containers
@pytest.mark.parametrize("wrong", _WRONG)
@pytest.mark.parametrize("manager", _ASK)
def test_what_is_wrong_with_a_server_is_seen(https_site: HttpsSite, tmp_path: Path, manager: str, wrong: str) -> None:
    # The builder's dnf, whose curl is linked with GnuTLS, tells one bad certificate as the other.
    certificate, what = _WRONG[wrong][0], _WRONG["stranger" if (manager, wrong) == ("dnf", "expired") else wrong][1]
    kind: CertificateKind = certificate  # type: ignore[assignment]
    (tmp_path / "empty").mkdir()
    with https_site.serve(
        tmp_path / "empty", login=Login("u", "p") if wrong == "login" else None, certificate=kind
    ) as served:
        url = served.url.rstrip("/")
        (tmp_path / "base.repo").write_text(_REPOSITORY.format(url=url))
        (tmp_path / "base.list").write_text(f"deb {url} bookworm main\n")
        (tmp_path / "ca.crt").write_bytes(served.ca_file.read_bytes())
        trust = "cp /workspace/ca.crt /usr/local/share/ca-certificates/ && update-ca-certificates >/dev/null 2>&1"
        command = f"{trust}; {_ASK[manager]} || exit 1"
        ran = run_in_builder(["sh", "-c", command], workspace=tmp_path)
    cause = cause_in(ran.stdout)
    assert cause is not None, ran.stdout
    before, _, after = what.partition("{}")
    assert cause.what.startswith(f"{before}{url}"), (cause.what, ran.stdout)
    assert cause.what.endswith(after), (cause.what, ran.stdout)
