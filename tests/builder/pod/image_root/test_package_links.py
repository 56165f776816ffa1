"""builder/pod/image_root/package_links.py: links of packages, by a copy of RPM's database and by the root's own rpm."""

import json
import os
from pathlib import Path

import pytest

from builder.pod.image_root.package_links import links_of, links_of_packages
from tests.builder.whole_root import make_root
from tests.builder_pod import run_in_builder

# A package whose links are those of a distribution that has merged /usr/sbin into /usr/bin; then folders in the place
# of some. Its database is read as a copy, and by the root's own rpm.
_INSTALL = r"""
set -e
export HOME=/tmp
cat > /tmp/filesystem.spec <<END
Name: filesystem
Version: 1
Release: 1
Summary: s
License: x
BuildArch: noarch
%description
d
%install
mkdir -p %{buildroot}/usr/bin %{buildroot}/run %{buildroot}/var %{buildroot}/usr/share/doc/a %{buildroot}/opt/real
ln -s bin %{buildroot}/usr/sbin
ln -s usr/sbin %{buildroot}/sbin
ln -s ../run %{buildroot}/var/run
ln -s a %{buildroot}/usr/share/doc/b
ln -s /opt/real %{buildroot}/opt/link
ln -s x %{buildroot}/usr/share/gone
ln -s x %{buildroot}/usr/share/whole
%files
/usr
/opt
/sbin
/var/run
%dir /run
END
rpmbuild --quiet -bb --define "_topdir /tmp/rpm" --define "_build_id_links none" /tmp/filesystem.spec
root=/workspace/root
mkdir -p $root/var/lib/rpm
rpm --root $root --dbpath /var/lib/rpm --nodeps -i /tmp/rpm/RPMS/noarch/*.rpm
for link in usr/sbin usr/share/doc/b opt/link; do
    rm $root/$link
    mkdir $root/$link
done
rm $root/usr/share/gone
cd /
PYTHONPATH=/usr/lib/ims python3 -c '
import json, os, subprocess
from pathlib import Path
from builder.pod.image_root.package_links import note_links
from builder.pod.inspection.package_links import check_package_links
root = Path("/workspace/root")
database = root / "var/lib/rpm"
before = sorted(os.listdir(database))
print(json.dumps([(each.name, each.what) for each in check_package_links(root, [])]))
assert before == sorted(os.listdir(database))
# A root that programs can run in, whose own rpm reads the same database: that of this image.
other = Path("/workspace/other/root")
for name in ("usr", "etc", "var", "dev", "proc"):
    (other / name).mkdir(parents=True)
    if name != "var":
        subprocess.run(["mount", "--bind", f"/{name}", other / name], check=True)
(other / "tmp").mkdir()
(other / "tmp/.rpmmacros").write_text("%_dbpath /var/lib/rpm")
for name in ("bin", "lib", "lib64", "sbin"):
    (other / name).symlink_to(f"usr/{name}")
(other / "var/lib").mkdir()
database.rename(other / "var/lib/rpm")
note_links(other)
(other.parent / "package-links").rename(root.parent / "package-links")
print(json.dumps([(each.name, each.what) for each in check_package_links(root, [])]))
'
"""


@pytest.mark.containers
def test_links_of_rpm_packages_that_became_folders_are_found(tmp_path: Path) -> None:
    ran = run_in_builder(["bash", "-c", _INSTALL], workspace=tmp_path)
    assert ran.returncode == 0, ran.stdout
    for line in ran.stdout.splitlines()[-2:]:
        assert json.loads(line) == [
            ["usr-merge", "a folder has replaced the link /usr/sbin (to bin)"],
            ["replaced-link", "a folder has replaced the link /opt/link (to /opt/real), /usr/share/doc/b (to a)"],
        ]


def test_links_are_read_from_the_answer_of_rpm() -> None:
    assert links_of("/etc/a\t\n/usr/sbin\tbin\n/b c\t/d e\n") == {"usr/sbin": "bin", "b c": "/d e"}


def test_a_database_that_cannot_be_read_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_root(tmp_path / "root")
    (root / "var/lib/rpm").mkdir()
    (root / "var/lib/rpm/Packages.db").write_text("no database")
    (tmp_path / "rpm").write_text("#!/bin/sh\necho 'error: cannot open' >&2\nexit 1\n")
    (tmp_path / "rpm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert links_of_packages(root) == {}
    assert capsys.readouterr().out == "the links of the image's packages are not known: error: cannot open\n"
