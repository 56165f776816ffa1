"""A Debian package: the fields that its RPM is made of."""

import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

# Packages that only move an installed Debian to the merged /usr that the tree has from the start.
_UNWANTED = {"usr-is-merged", "usrmerge"}
_FORMAT = "${Package}\t${Version}\t${Pre-Depends},${Depends}\t${Provides}"


@dataclass(frozen=True)
class Deb:
    """One deb."""

    file: Path
    name: str
    version: str
    release: str
    # Each dependency is the names that can fulfil it, the preferred one first.
    depends: tuple[tuple[str, ...], ...]
    provides: tuple[str, ...]


def read_debs(folder: Path) -> list[Deb]:
    """Return the packages of a folder, sorted by file name."""
    debs = [_read(file) for file in sorted(folder.glob("*.deb"))]
    return [deb for deb in debs if deb.name not in _UNWANTED]


def requirements(deb: Deb, debs: Iterable[Deb]) -> list[str]:
    """Return the packages among these that a package needs, sorted: RPM has no alternatives, so one is chosen."""
    providers = {provided: each.name for each in debs for provided in each.provides}
    providers |= {each.name: each.name for each in debs}
    chosen = (next((providers[name] for name in names if name in providers), None) for names in deb.depends)
    return sorted({name for name in chosen if name and name != deb.name})


def _read(file: Path) -> Deb:
    shown = subprocess.run(
        ["dpkg-deb", "--show", f"--showformat={_FORMAT}", str(file)], capture_output=True, text=True, check=True
    )
    name, version, depends, provides = shown.stdout.split("\t")
    upstream, _, revision = version.partition(":")[2].rpartition("-") if ":" in version else version.rpartition("-")
    return Deb(
        file=file,
        name=name,
        version=_for_rpm(upstream or revision),
        release=_for_rpm(revision if upstream else "1"),
        depends=tuple(_names(alternatives, "|") for alternatives in _split(depends, ",")),
        provides=_names(provides, ","),
    )


def _names(text: str, separator: str) -> tuple[str, ...]:
    """Return the bare names of a list: without versions and architectures."""
    return tuple(re.split(r"[\s:(]", entry)[0] for entry in _split(text, separator))


def _split(text: str, separator: str) -> list[str]:
    return [entry.strip() for entry in text.split(separator) if entry.strip()]


def _for_rpm(version: str) -> str:
    return re.sub(r"[^A-Za-z0-9._+~]", "_", version)
