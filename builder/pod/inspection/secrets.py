"""Secrets that would be in an image: host keys, private keys, credentials. No message quotes their content."""

import re
from collections.abc import Iterator
from pathlib import Path

from builder.pod.inspection.file_in_root import begin_of, find
from builder.pod.inspection.found import Found, listed

_PRIVATE = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY|\APuTTY-User-Key-File")
_ENDINGS = (".key", "_key", ".pem", ".ppk")
_NAMES = frozenset({"id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "id_ecdsa_sk", "id_ed25519_sk"})
_BEGIN_BYTES = 64 << 10
# Whole files, or folders of files, that hold nothing but credentials.
_CREDENTIALS = (
    *("etc/zypp/credentials.d", "etc/zypp/credentials.cat", "etc/apt/auth.conf", "etc/apt/auth.conf.d"),
    *("etc/pki/entitlement", "etc/munge/munge.key", "etc/krb5.keytab", "etc/kubernetes/admin.conf"),
)
# The same in the home of a user.
_IN_HOMES = (
    *(".netrc", ".git-credentials", ".docker/config.json", ".config/containers/auth.json", ".kube/config", ".pgpass"),
    *(".aws/credentials", ".s3cfg", ".vault-token", ".pypirc", ".config/gcloud/application_default_credentials.json"),
)
# Files that may hold some, or folders of such files.
_MAY_HOLD = (
    *("etc/yum.repos.d", "etc/zypp/repos.d", "etc/zypp/services.d", "etc/apt/sources.list.d", "etc/apt/apt.conf.d"),
    *("etc/apt/sources.list", "etc/dnf/dnf.conf", "etc/yum.conf", "etc/zypp/zypp.conf", "etc/environment"),
    *("etc/profile.d", "etc/sysconfig/proxy", "etc/wgetrc", "root/.curlrc", "root/.wgetrc"),
)
_LOGIN = re.compile(rb"://[^/\s:@]+:[^/\s@$]+@|^\s*(?:proxy_?)?password\s*[=:]\s*\S", re.IGNORECASE | re.MULTILINE)


def may_be_key(folder: str, name: str) -> bool:
    """Return whether a file's folder or its name is one that private keys have."""
    return name.endswith(_ENDINGS) or name in _NAMES or folder.endswith("/.ssh")


def check_keys(root: Path, places: list[str]) -> Iterator[Found]:
    """Check which of some files are private keys.

    Args:
        root: The image root.
        places: Files with a name of keys.
    """
    keys = [place for place in sorted(places) if _is_private_key(root / place)]
    host = [place for place in keys if place.startswith("etc/ssh/ssh_host_")]
    if host:
        yield Found(
            "host-keys",
            f"{listed([f'/{place}' for place in host])}: all nodes would have the same SSH host keys",
            "remove /etc/ssh/ssh_host_*: a node makes its own when it boots",
        )
    if other := [f"/{place}" for place in keys if place not in host]:
        yield Found(
            "private-keys",
            f"the image would hold private keys: {listed(other)}",
            "remove them from the root: who can read the image has them",
        )


def check_credentials(root: Path) -> Iterator[Found]:
    """Check the files in which package managers and users keep credentials."""
    homes = ["root", *(f"home/{name}" for name in _names(root, "home"))]
    places = [*_CREDENTIALS, *(f"{home}/{place}" for home in homes for place in _IN_HOMES)]
    holders = [f"/{place}" for place in places if _has_content(root, place)]
    for place in _MAY_HOLD:
        found = find(root, place)
        if found is not None and found.is_file() and _LOGIN.search(begin_of(found, _BEGIN_BYTES)):
            holders.append(f"/{place}")
        holders += [
            f"/{place}/{file.name}" for file in _files(root, place) if _LOGIN.search(begin_of(file, _BEGIN_BYTES))
        ]
    if holders:
        yield Found(
            "credentials",
            f"the image would hold credentials: {listed(holders)}",
            "remove them from the root: who can read the image has them",
        )


def _is_private_key(file: Path) -> bool:
    return not file.is_symlink() and file.is_file() and bool(_PRIVATE.search(begin_of(file, _BEGIN_BYTES)))


def _has_content(root: Path, place: str) -> bool:
    found = find(root, place)
    if found is None:
        return False
    return any(file.stat().st_size for file in _files(root, place)) if found.is_dir() else found.stat().st_size > 0


def _names(root: Path, folder: str) -> list[str]:
    place = find(root, folder)
    return sorted(each.name for each in place.iterdir()) if place is not None and place.is_dir() else []


def _files(root: Path, folder: str) -> list[Path]:
    place = find(root, folder)
    if place is None or not place.is_dir():
        return []
    return sorted(each for each in place.iterdir() if each.is_file() and not each.is_symlink())
