"""Signed copies of a small repository: RPMs and metadata, each copy by a key that is made for it."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.builder_pod import run_in_builder

# The secret key is made in the container's own layer, and goes with it.
_SIGN = r"""
set -e
export GNUPGHOME=/tmp/gnupg
mkdir -m 700 $GNUPGHOME
gpg --quiet --batch --passphrase '' --quick-generate-key "$SIGNER" rsa2048 sign never
gpg --quiet --armor --export "$SIGNER" > public-key.asc
find repository -name '*.rpm' -exec rpm --define "_gpg_name $SIGNER" --define '__gpg /usr/bin/gpg' --addsign '{}' +
rm -rf repository/repodata
createrepo_c --quiet repository
cd repository/repodata
gpg --quiet --batch --armor --local-user "$SIGNER" --detach-sign repomd.xml
"""


@dataclass(frozen=True)
class SignedRepository:
    """A repository whose RPMs and `repomd.xml` are signed, and the key that tells so."""

    folder: Path
    public_key: Path


def signed_copy(repository: Path, folder: Path, *, signer: str, offer_key: bool = True) -> SignedRepository:
    """Copy a repository into an empty folder, and sign the copy with a new key.

    Args:
        repository: The one to copy; it stays as it is.
        folder: Where the copy and the public key go.
        signer: The key's user id, such as `Site A <a@localhost>`.
        offer_key: Lay the public key beside the metadata, as `repomd.xml.key`. kiwi calls zypper with
            `--gpg-auto-import-keys`, so zypper believes whatever key it finds there.
    """
    shutil.copytree(repository, folder / "repository")
    signed = run_in_builder(["sh", "-c", _SIGN], workspace=folder, environment={"SIGNER": signer})
    assert signed.returncode == 0, signed.stdout
    if offer_key:
        shutil.copyfile(folder / "public-key.asc", folder / "repository/repodata/repomd.xml.key")
    return SignedRepository(folder / "repository", folder / "public-key.asc")


@pytest.fixture(scope="session")
def signed_by_a(tiny_distribution: Path, tmp_path_factory: pytest.TempPathFactory) -> SignedRepository:
    """The tiny distribution, signed by a site."""
    return signed_copy(tiny_distribution, tmp_path_factory.mktemp("signed-by-a"), signer="Site A <a@localhost>")


@pytest.fixture(scope="session")
def signed_by_b(tiny_distribution: Path, tmp_path_factory: pytest.TempPathFactory) -> SignedRepository:
    """The same, signed by somebody else."""
    return signed_copy(tiny_distribution, tmp_path_factory.mktemp("signed-by-b"), signer="Site B <b@localhost>")
