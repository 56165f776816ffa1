"""The smallest RPM distribution: three packages around Debian's static busybox. kiwi builds a root of them in 2 s.

Its kernel and initrd are test data: they do not boot.
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.builder_pod import run_in_builder
from tests.http_server import serving

TINY_RECIPE = Path(__file__).parent / "recipes" / "tiny-rpm"
KERNEL_VERSION = "6.1.0-tiny"

_SPEC = r"""
%global __os_install_post %{nil}
%global debug_package %{nil}
%global _build_id_links none
%global _binary_payload w1.gzdio
%global source_date_epoch_from_changelog 0
AutoReqProv: no
Name: tiny
Version: 1
Release: 1
Summary: The smallest distribution
License: GPL-2.0-only
%description
Test data.

%package -n filesystem
Summary: Folders
AutoReqProv: no
%description -n filesystem
Folders.

%package -n bash
Summary: A shell and what scripts call
AutoReqProv: no
Requires: filesystem
Provides: /bin/sh
%description -n bash
A shell.

%package -n tiny-kernel
Summary: Stand-ins for a kernel and an initrd
AutoReqProv: no
Requires: filesystem
%description -n tiny-kernel
They do not boot.

%install
cd %{buildroot}
mkdir -p boot dev etc/yum.repos.d home mnt opt proc root run srv sys tmp var/lib var/tmp
mkdir -p usr/bin usr/lib usr/lib64 usr/sbin
for merged in bin sbin lib lib64; do ln -s usr/$merged $merged; done
echo 'root:x:0:0:root:/root:/bin/sh' > etc/passwd
echo 'root:x:0:' > etc/group
echo 'root:*:19000::::::' > etc/shadow
install -m 755 %{_sourcedir}/busybox usr/bin/busybox
usr/bin/busybox --list | grep -v '^busybox$' | while read -r applet; do ln -s busybox usr/bin/$applet; done
printf '#!/bin/sh\nexec sh "$@"\n' > usr/bin/bash && chmod 755 usr/bin/bash
head -c 3000000 /dev/zero | tr '\0' 'k' > boot/vmlinuz-VERSION
head -c 2000000 /dev/zero | tr '\0' 'i' > boot/initrd-VERSION
ln -s vmlinuz-VERSION boot/vmlinuz
ln -s /boot/initrd-VERSION boot/initrd

%files -n filesystem
/bin
/sbin
/lib
/lib64
%dir /boot
%dir /home
%dir /mnt
%dir /opt
%dir /srv
%dir /usr
%dir /etc/yum.repos.d
%dir /usr/bin
%dir /usr/sbin
%dir /usr/lib
%dir /usr/lib64
%dir /var/lib
%attr(700, root, root) %dir /root
%attr(1777, root, root) %dir /tmp
%attr(1777, root, root) %dir /var/tmp
%config /etc/passwd
%config /etc/group
%attr(600, root, root) %config /etc/shadow

%files -n bash
/usr/bin/*

%files -n tiny-kernel
/boot/*
""".replace("VERSION", KERNEL_VERSION)

_BUILD = """
set -e
rpmbuild -bb --quiet --define '_topdir /workspace/rpmbuild' --define '_sourcedir /workspace' \
    --define '_rpmdir /workspace/repository' --define '_unpackaged_files_terminate_build 0' /workspace/tiny.spec
createrepo_c --quiet /workspace/repository
rm -rf /workspace/rpmbuild
"""


def build_distribution(folder: Path) -> Path:
    """Build the packages with the real rpmbuild and createrepo_c, and return the repository's folder."""
    fetch_busybox(folder)
    (folder / "tiny.spec").write_text(_SPEC)
    built = run_in_builder(["sh", "-c", _BUILD], workspace=folder)
    assert built.returncode == 0, built.stdout
    return folder / "repository"


def fetch_busybox(folder: Path) -> None:
    """Put Debian's static busybox into a folder."""
    # As root, APT cannot give the download to its own user in a folder of ours.
    download = ["apt-get", "-o", "APT::Sandbox::User=root", "download", "-q", "busybox-static"]
    subprocess.run(download, cwd=folder, check=True, capture_output=True)
    package = next(folder.glob("busybox-static_*.deb"))
    subprocess.run(["dpkg-deb", "--extract", str(package), str(folder / "package")], check=True)
    shutil.move(next((folder / "package").rglob("bin/busybox")), folder / "busybox")


@contextmanager
def serve(folder: Path, address: str = "127.0.0.1") -> Iterator[str]:
    """Serve a folder by HTTP on a free port of this host, and give its address."""
    handler = partial(_QuietHandler, directory=str(folder))
    with serving(ThreadingHTTPServer((address, 0), handler)) as server:
        yield f"http://{address}:{server.server_port}/"


@pytest.fixture(scope="session")
def tiny_distribution(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the tiny distribution's repository."""
    folder = tmp_path_factory.mktemp("distribution")
    yield build_distribution(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def tiny_repository(tiny_distribution: Path) -> Iterator[str]:
    """The address of the tiny distribution, the value of `repository` in the tiny recipe's template dictionary."""
    with serve(tiny_distribution) as address:
        yield address


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Keep the tests' output free of requests."""
