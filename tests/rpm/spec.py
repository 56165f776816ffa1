"""The one spec file of the distribution: a subpackage for each deb, and a release package that holds nothing."""

from collections.abc import Iterator, Sequence

from tests.rpm.deb import Deb, requirements
from tests.rpm.tree import Tree
from tests.rpm.trust import PACKAGE as CA_CERTIFICATES

# The names that recipes of RPM distributions call these packages by.
_ALIASES = {
    "base-files": ("filesystem", "basesystem"),
    "bash": ("/bin/sh", "/bin/bash", "/usr/bin/sh", "/usr/bin/bash"),
    "ca-certificates": ("ca-certificates-mozilla",),
    "dbus": ("dbus-1",),
    "iproute2": ("iproute",),
    "iputils-ping": ("iputils",),
    "libc-bin": ("glibc", "glibc-locale", "glibc-locale-base", "glibc-minimal-langpack"),
    "linux-image-cloud-amd64": ("kernel", "kernel-default"),
    "login": ("shadow",),
    "mawk": ("awk", "gawk"),
    "ncurses-base": ("terminfo-base",),
    "network-manager": ("NetworkManager",),
    "passwd": ("shadow-utils",),
    "squashfs-tools": ("squashfs",),
    "tzdata": ("timezone",),
    "udev": ("systemd-udev",),
    "util-linux": ("util-linux-systemd",),
    "xz-utils": ("xz",),
    "zypper": ("libzypp",),
}
# Debian marks what every system has as essential, and no package names it: the release package has to.
_ESSENTIAL = (
    *("base-files", "base-passwd", "bash", "coreutils", "diffutils", "findutils", "grep", "gzip", "hostname"),
    *("libc-bin", "libpam-modules", "libpam-runtime", "login", "mawk", "mount", "ncurses-base", "ncurses-bin"),
    *("passwd", "procps", "sed", "sysvinit-utils", "tar", "util-linux", "util-linux-extra"),
)
# What the debs leave unsaid for the same reason.
_UNSAID = {
    # Its links are the merged /usr: they have to be there before any file.
    **dict.fromkeys(("bash", "libc6"), ("base-files",)),
    # SUSE's has all modules in one package.
    "dracut": ("dracut-live", "dracut-network"),
    CA_CERTIFICATES: ("bash", "coreutils", "findutils", "sed"),
}
_RELEASE_ALIASES = ("aaa_base", "openSUSE-release", "rocky-release", "sles-release", "system-release")
_SCRIPTS = {CA_CERTIFICATES: "update-ca-certificates > /dev/null"}

_HEAD = """\
%global debug_package %{nil}
%global __os_install_post %{nil}
%global _build_id_links none
%global _binary_payload w1.gzdio
AutoReqProv: no
Name: test-distribution
Version: 1
Release: 1
Summary: Debian packages as RPMs
License: Various
%description
Test data.
"""


def write_spec(debs: Sequence[Deb], tree: Tree) -> str:
    """Return the text of the spec; the tree is its build root."""
    return "\n".join([_HEAD, *(line for deb in debs for line in _package(deb, debs, tree)), *_release()])


def _package(deb: Deb, debs: Sequence[Deb], tree: Tree) -> Iterator[str]:
    yield f"%package -n {deb.name}"
    yield f"Version: {deb.version}"
    yield f"Release: {deb.release}"
    yield "Summary: Converted from Debian"
    yield "AutoReqProv: no"
    yield from (f"Requires: {name}" for name in (*requirements(deb, debs), *_UNSAID.get(deb.name, ())))
    provided = sorted({*deb.provides, *_ALIASES.get(deb.name, ())} - {deb.name})
    # A file has no version.
    versioned = f" = {deb.version}-{deb.release}"
    yield from (f"Provides: {name}{'' if name.startswith('/') else versioned}" for name in provided)
    yield f"%description -n {deb.name}\nConverted from Debian."
    if deb.name in _SCRIPTS:
        yield f"%posttrans -n {deb.name}\n{_SCRIPTS[deb.name]}"
    yield f"%files -n {deb.name}"
    yield from (_entry(path, tree) for path in tree.owned_by(deb.name))


def _entry(path: str, tree: Tree) -> str:
    place = tree.root / path
    if place.is_dir() and not place.is_symlink():
        return f'%dir "/{path}"'
    is_configuration = path.startswith("etc/") and not place.is_symlink()
    return f'{"%config(noreplace) " if is_configuration else ""}"/{path}"'


def _release() -> Iterator[str]:
    yield "%package -n distribution-release\nSummary: What every system has\nAutoReqProv: no"
    yield from (f"Provides: {name} = 1-1" for name in _RELEASE_ALIASES)
    yield from (f"Requires: {name}" for name in _ESSENTIAL)
    yield "%description -n distribution-release\nNo files.\n%files -n distribution-release\n"
