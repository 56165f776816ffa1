"""The site's certificate authorities in an image root that is there already, and its trust store made with them."""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from builder.pod.enclosure import Command, run_enclosed
from builder.pod.image_root.boot_files import resolve_in_root
from builder.pod.step import StepFailed, say

_LIMIT_SECONDS = 300.0
_LARGEST_STORE_BYTES = 16 << 20
# Where distributions keep the certificates that they trust, all in one file: Debian, Red Hat, SUSE.
_STORES = (
    "etc/ssl/certs/ca-certificates.crt",
    "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "var/lib/ca-certificates/ca-bundle.pem",
)


@dataclass(frozen=True)
class _Family:
    """How a family of distributions adds trust: a folder by which it is recognised, one for anchors, a program."""

    mark: str
    anchors: str
    program: str


_FAMILIES = (
    _Family("etc/pki/ca-trust/source/anchors", "etc/pki/ca-trust/source/anchors", "update-ca-trust"),
    _Family("etc/pki/trust", "etc/pki/trust/anchors", "update-ca-certificates"),
    _Family("usr/share/pki/trust", "etc/pki/trust/anchors", "update-ca-certificates"),
    _Family("usr/share/ca-certificates", "usr/local/share/ca-certificates", "update-ca-certificates"),
)


def trust_site(root: Path, certificates: Sequence[Path]) -> None:
    """Make an image root trust certificates; those that it trusts already are left alone.

    Args:
        root: The image root, ready for programs that run in it.
        certificates: PEM files.

    Raises:
        StepFailed: The root's program for it failed.
    """
    trusted = _trusted(root)
    missing = [each for each in certificates if each.read_text().strip() not in trusted]
    if not missing:
        return
    family = next((each for each in _FAMILIES if _folder(root, each.mark) and _program(root, each.program)), None)
    if family is None:
        say("warning: the image root has no ca-certificates: the site's authorities are not added to it")
        return
    anchors = _folder(root, family.anchors)
    if anchors is None:
        anchors = _made(root, family.anchors)
    for certificate in missing:
        # Named by its content: the one of a later customization does not replace it.
        digest = hashlib.sha256(certificate.read_bytes()).hexdigest()
        shutil.copyfile(certificate, anchors / f"ims-site-ca-{digest[:16]}.crt")
    say(f"the image is made to trust {len(missing)} certificate authorities of the site")
    ending = run_enclosed(Command([_program(root, family.program)], root, _LIMIT_SECONDS))
    if ending.exit_code or ending.cut:
        raise StepFailed(f"{family.program} failed in the image root with exit code {ending.exit_code}")


def _trusted(root: Path) -> str:
    texts = []
    for store in _STORES:
        file = _resolved(root, store)
        if file is not None and file.is_file() and file.stat().st_size <= _LARGEST_STORE_BYTES:
            texts.append(file.read_text(errors="replace"))
    return "\n".join(texts)


def _program(root: Path, name: str) -> str:
    """Return where in the root a program is; nothing when it is nowhere."""
    places = [f"{folder}/{name}" for folder in ("usr/sbin", "usr/bin", "sbin", "bin")]
    return next((f"/{place}" for place in places if (file := _resolved(root, place)) and file.is_file()), "")


def _folder(root: Path, name: str) -> Path | None:
    place = _resolved(root, name)
    return place if place is not None and place.is_dir() else None


def _made(root: Path, name: str) -> Path:
    """Make a folder in the root, step by step as the root's own links lead."""
    parent, _, last = name.rpartition("/")
    above = _folder(root, parent) or _made(root, parent)
    folder = above / last
    folder.mkdir(mode=0o755)
    return folder


def _resolved(root: Path, name: str) -> Path | None:
    try:
        return resolve_in_root(root, name)
    except (FileNotFoundError, NotADirectoryError):
        return None
