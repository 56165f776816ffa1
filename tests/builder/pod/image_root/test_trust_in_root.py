"""builder/pod/image_root/trust_in_root.py: the real ca-certificates of Debian, and the places of the others."""

import hashlib
from pathlib import Path

import pytest

from tests.builder.small_root import Workspace
from tests.builder_pod import run_in_builder
from tests.certificates import Authority

AUTHORITY = Authority("Site")
FILE = f"ims-site-ca-{hashlib.sha256(AUTHORITY.pem).hexdigest()[:16]}.crt"

pytestmark = pytest.mark.containers

_TRUST = (
    "from pathlib import Path; from builder.pod.image_root.trust_in_root import trust_site; "
    "trust_site(Path('/workspace/root'), sorted(Path('/workspace/context/ca').glob('*.pem')))"
)
# Twice: what is trusted already is left alone.
_ON_OWN_ROOT = f"""
set -e
mount -t tmpfs none /mnt; mkdir /mnt/upper /mnt/work
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work none /workspace/root
python3 -c "{_TRUST}"; echo; python3 -c "{_TRUST}"
openssl verify -CAfile /mnt/upper/etc/ssl/certs/ca-certificates.crt /workspace/context/ca/00.pem
umount /workspace/root
"""


@pytest.fixture
def trusted(workspace: Workspace) -> Workspace:
    """A workspace whose context holds the site's authority."""
    (workspace.folder / "context/ca").mkdir()
    (workspace.folder / "context/ca/00.pem").write_bytes(AUTHORITY.pem)
    return workspace


def test_a_debian_root_trusts_the_site_and_is_changed_once(trusted: Workspace) -> None:
    ran = run_in_builder(["sh", "-c", _ON_OWN_ROOT], workspace=trusted.folder)
    assert ran.returncode == 0, ran.stdout
    first, _, second = ran.stdout.partition("\n\n")
    assert first.startswith("the image is made to trust 1 certificate authorities of the site\n")
    assert second == "/workspace/context/ca/00.pem: OK\n"


FAMILIES = {
    "Red Hat": ("etc/pki/ca-trust/source/anchors", "usr/bin/update-ca-trust", "etc/pki/ca-trust/source/anchors"),
    "SUSE": ("usr/share/pki/trust", "usr/sbin/update-ca-certificates", "etc/pki/trust/anchors"),
    "Debian": ("usr/share/ca-certificates", "usr/sbin/update-ca-certificates", "usr/local/share/ca-certificates"),
}


@pytest.mark.parametrize(("mark", "program", "anchors"), FAMILIES.values(), ids=FAMILIES)
def test_each_family_of_distributions_has_its_own_place(
    trusted: Workspace, mark: str, program: str, anchors: str
) -> None:
    (trusted.root / mark).mkdir(parents=True)
    tool = trusted.root / program
    tool.write_text(f"#!/bin/sh\nls /{anchors} > /etc/told\n")
    tool.chmod(0o755)
    # Before the script runs, which may fetch from the site's servers.
    ran = trusted.script("cat /etc/told\n")
    assert FILE in ran.stdout.splitlines(), ran.stdout
    assert (trusted.root / anchors / FILE).read_bytes() == AUTHORITY.pem


def test_an_anchors_folder_that_leads_out_of_the_root_leads_nowhere_else(trusted: Workspace, tmp_path: Path) -> None:
    (trusted.root / "etc/pki").symlink_to("/../../../../workspace/outside")
    (trusted.root / "workspace/outside/ca-trust/source/anchors").mkdir(parents=True)
    (trusted.folder / "outside").mkdir()
    tool = trusted.root / "usr/bin/update-ca-trust"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    assert trusted.script("true").returncode == 0
    assert list((trusted.folder / "outside").iterdir()) == []
    assert (trusted.root / "workspace/outside/ca-trust/source/anchors" / FILE).exists()


def test_a_root_without_a_trust_store_is_warned_about(trusted: Workspace) -> None:
    ran = trusted.script("true")
    assert ran.returncode == 0
    assert "warning: the image root has no ca-certificates" in ran.stdout


def test_a_trust_store_that_cannot_be_made_is_the_error(trusted: Workspace) -> None:
    (trusted.root / "usr/share/ca-certificates").mkdir(parents=True)
    tool = trusted.root / "usr/sbin/update-ca-certificates"
    tool.write_text("#!/bin/sh\nexit 2\n")
    tool.chmod(0o755)
    ran = trusted.script("true")
    assert ran.stdout.splitlines()[-1] == "error: update-ca-certificates failed in the image root with exit code 2"
