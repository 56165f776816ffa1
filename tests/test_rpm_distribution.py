"""The test distribution is one that RPM recipes build from, over HTTPS, with the real zypper, dnf, rpm and kiwi."""

import gzip
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from subprocess import CompletedProcess
from xml.etree import ElementTree

import pytest

from tests.builder_pod import run_in_builder
from tests.https_site import CertificateKind, HttpsSite, Login, Served
from tests.rpm_distribution import ensure_rpm_distribution
from tests.signed_repository import SignedRepository, signed_copy

# The first of them makes the distribution, when nobody has.
pytestmark = [pytest.mark.containers, pytest.mark.timeout(600)]

RECIPE_FOLDER = Path(__file__).parent / "recipes"
RECIPES = [RECIPE_FOLDER / name for name in ("rpm-bootstrap", "zypper-full", "dnf-full")]
# What a booted node is looked at with, and what makes it boot.
NEEDED = {
    "zypper",
    "dnf",
    "rpm",
    "openssl",
    "curl",
    "jq",
    "iproute2",
    "dracut-live",
    "systemd",
    "udev",
    "kernel-default",
}
CURL_DOES_NOT_TRUST = 60
RPM = "http://linux.duke.edu/metadata/rpm"

_TRUST_THE_SITE = """
set -e
cp site-ca.pem /usr/local/share/ca-certificates/site-ca.crt
update-ca-certificates > /dev/null 2>&1
"""
_BUILD = """
kiwi-ng --logfile kiwi.log system prepare --description recipe --root root \
    --set-repo "$URL,rpm-md,distribution" --set-repo-credentials "$LOGIN"
rpm --root /workspace/root --query --all --queryformat '%{name}\\n' > installed
"""
_INSTALL_WITH_DNF = """
dnf --quiet --assumeyes --installroot=/workspace/root --disablerepo='*' --nogpgcheck --repofrompath="site,$URL" \
    --setopt="site.username=${LOGIN%%:*}" --setopt="site.password=${LOGIN#*:}" install ca-certificates curl
"""
# In an overlay, so that the root stays as it is for the next test.
_ADD_ANCHOR_AND_ASK = """
set -e
mkdir /overlay
mount -t tmpfs none /overlay
mkdir /overlay/upper /overlay/work /overlay/root
mount -t overlay -o lowerdir=/workspace/root,upperdir=/overlay/upper,workdir=/overlay/work none /overlay/root
mount --bind /dev /overlay/root/dev
cp site-ca.pem "/overlay/root/$FOLDER/site-ca.pem"
chroot /overlay/root $COMMAND > /dev/null 2>&1
exec chroot /overlay/root curl --silent --show-error --fail --user "$LOGIN" "${URL}repodata/repomd.xml"
"""
_CHECK_SIGNATURES = """
set -e
rpm --dbpath /keys --import key.asc
gpg --quiet --import key.asc
gpg --quiet --verify repository/repodata/repomd.xml.asc repository/repodata/repomd.xml
find repository -name '*.rpm' -exec rpmkeys --dbpath /keys --define '_pkgverify_level signature' --checksig '{}' +
"""


@dataclass(frozen=True)
class Workspace:
    """A folder that the builder sees as /workspace, and the site as it is reached from there."""

    folder: Path
    site: Served

    def run(self, script: str, **variables: str) -> CompletedProcess[str]:
        """Run a shell script in the builder."""
        login = self.site.login
        known = {"URL": self.site.url, "LOGIN": f"{login.user}:{login.password}" if login else ""}
        return run_in_builder(["sh", "-c", script], workspace=self.folder, environment=known | variables)


@pytest.fixture
def workspace(rpm_site: Served, tmp_path: Path) -> Iterator[Workspace]:
    """A workspace with the site's CA in it."""
    yield workspace_in(tmp_path, rpm_site)
    shutil.rmtree(tmp_path)


@pytest.fixture(scope="module")
def dnf_workspace(rpm_site: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace with a root that dnf made, which trusts no site yet."""
    workspace = workspace_in(tmp_path_factory.mktemp("dnf"), rpm_site)
    installed = workspace.run(_TRUST_THE_SITE + _INSTALL_WITH_DNF)
    assert installed.returncode == 0, installed.stdout
    yield workspace
    shutil.rmtree(workspace.folder)


def test_it_has_what_recipes_name(rpm_distribution: Path) -> None:
    documents = [ElementTree.parse(recipe / "config.xml") for recipe in RECIPES]
    named = {package.attrib["name"] for document in documents for package in document.iter("package")}
    provided, _required = capabilities(rpm_distribution)
    assert not (named | NEEDED) - provided


def test_nothing_in_it_needs_what_it_has_not(rpm_distribution: Path) -> None:
    provided, required = capabilities(rpm_distribution)
    assert not required - provided


def test_it_is_made_once(rpm_distribution: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache = tmp_path / "ims-tests"
    made = cache / rpm_distribution.name
    shutil.copytree(rpm_distribution, made, copy_function=os.symlink)
    inode = made.stat().st_ino
    old, of_a_killed_session = cache / "rpm-distribution-old", cache / "making-x"
    for folder in (old, of_a_killed_session):
        folder.mkdir()
    month_ago = made.stat().st_mtime - timedelta(days=30).total_seconds()
    for folder in (old, made):
        os.utime(folder, (month_ago, month_ago))
    assert ensure_rpm_distribution() == made
    assert [folder for folder in cache.iterdir() if folder.is_dir()] == [made]
    assert made.stat().st_ino == inode


def test_kiwi_builds_a_root_of_it(workspace: Workspace) -> None:
    shutil.copytree(RECIPE_FOLDER / "rpm-bootstrap", workspace.folder / "recipe")
    built = workspace.run(_TRUST_THE_SITE + _BUILD)
    assert built.returncode == 0, built.stdout
    assert {"base-files", "bash", "libc6"} <= set((workspace.folder / "installed").read_text().split())
    assert "Test distribution" in (workspace.folder / "root/etc/os-release").read_text()


def test_kiwi_is_refused_with_a_wrong_password(https_site: HttpsSite, rpm_distribution: Path, tmp_path: Path) -> None:
    shutil.copytree(RECIPE_FOLDER / "rpm-bootstrap", tmp_path / "recipe")
    with https_site.serve(rpm_distribution, login=Login("builder", "right")) as served:
        refused = workspace_in(tmp_path, served).run(_TRUST_THE_SITE + _BUILD, LOGIN="builder:wrong")
    assert refused.returncode != 0
    answers = {tuple(line.split()[:4:3]) for line in served.requests}
    assert ("401", "user=builder") in answers
    assert "200" not in {status for status, _user in answers}


@pytest.mark.parametrize(
    ("certificate", "reason"),
    [("expired", "certificate has expired"), ("stranger", "unable to get local issuer certificate")],
)
def test_curl_in_the_builder_refuses_a_bad_certificate(
    https_site: HttpsSite, rpm_distribution: Path, tmp_path: Path, certificate: CertificateKind, reason: str
) -> None:
    with https_site.serve(rpm_distribution, certificate=certificate) as served:
        asked = workspace_in(tmp_path, served).run(_TRUST_THE_SITE + 'exec curl --silent --show-error "$URL"')
    assert asked.returncode == CURL_DOES_NOT_TRUST, asked.stdout
    assert reason in asked.stdout


@pytest.mark.parametrize(
    ("command", "folder"),
    [
        ("update-ca-certificates", "usr/share/pki/trust/anchors"),
        ("update-ca-certificates", "etc/pki/trust/anchors"),
        ("update-ca-trust extract", "usr/share/pki/ca-trust-source/anchors"),
        ("update-ca-trust extract", "etc/pki/ca-trust/source/anchors"),
    ],
)
def test_a_ca_in_its_systems_folder_is_trusted(dnf_workspace: Workspace, command: str, folder: str) -> None:
    asked = dnf_workspace.run(_ADD_ANCHOR_AND_ASK, COMMAND=command, FOLDER=folder)
    assert asked.returncode == 0, asked.stdout
    assert "<repomd" in asked.stdout


@pytest.mark.parametrize(
    ("command", "folder"),
    [
        ("update-ca-certificates", "etc/pki/ca-trust/source/anchors"),
        ("update-ca-trust extract", "etc/pki/trust/anchors"),
    ],
)
def test_a_ca_in_another_systems_folder_is_not(dnf_workspace: Workspace, command: str, folder: str) -> None:
    asked = dnf_workspace.run(_ADD_ANCHOR_AND_ASK, COMMAND=command, FOLDER=folder)
    assert asked.returncode == CURL_DOES_NOT_TRUST, asked.stdout


def test_a_signed_repository_is_good_by_its_own_key(signed_by_a: SignedRepository, tmp_path: Path) -> None:
    checked = check_signatures(signed_by_a, signed_by_a.public_key, tmp_path)
    assert checked.returncode == 0, checked.stdout


def test_a_signed_repository_is_not_good_by_another_key(
    signed_by_a: SignedRepository, signed_by_b: SignedRepository, tmp_path: Path
) -> None:
    checked = check_signatures(signed_by_b, signed_by_a.public_key, tmp_path)
    assert checked.returncode != 0
    assert "No public key" in checked.stdout


def test_a_signed_repository_offers_its_key_only_when_it_should(
    signed_by_a: SignedRepository, tiny_distribution: Path, tmp_path: Path
) -> None:
    silent = signed_copy(tiny_distribution, tmp_path, signer="Silent <silent@localhost>", offer_key=False)
    offered = signed_by_a.folder / "repodata/repomd.xml.key"
    assert offered.read_bytes() == signed_by_a.public_key.read_bytes()
    assert [file.name for file in (silent.folder / "repodata").glob("repomd.xml.*")] == ["repomd.xml.asc"]


def workspace_in(folder: Path, site: Served) -> Workspace:
    """Make a workspace of an empty folder."""
    shutil.copyfile(site.ca_file, folder / "site-ca.pem")
    return Workspace(folder, site)


def capabilities(repository: Path) -> tuple[set[str], set[str]]:
    """Return what a repository's packages provide and what they require, by the repository's own metadata."""
    [primary] = (repository / "repodata").glob("*-primary.xml.gz")
    document = ElementTree.fromstring(gzip.decompress(primary.read_bytes()))
    provided, required = (
        {entry.attrib["name"] for entry in document.iterfind(f".//{{{RPM}}}{kind}/{{{RPM}}}entry")}
        for kind in ("provides", "requires")
    )
    return provided, required


def check_signatures(repository: SignedRepository, key: Path, workspace: Path) -> CompletedProcess[str]:
    """Check the signatures of a repository, metadata and RPMs, with gpg and rpm that know one key only."""
    shutil.copytree(repository.folder, workspace / "repository")
    shutil.copyfile(key, workspace / "key.asc")
    return run_in_builder(["sh", "-c", _CHECK_SIGNATURES], workspace=workspace)
