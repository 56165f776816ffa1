"""The main job, end to end: the samples of recipes/ become images whose downloaded artifacts boot.

Those of RPM distributions are built from the test distribution, which lies where the real ones do below their mirror.
"""

import io
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.mirror import host_mirror
from ingest.packing import pack
from storage.models.records import Recipe, new_id
from storage.records.jobs import image_id_of
from tests.builder_pod import run_in_builder
from tests.flows.site import Site
from tests.flows.test_rpm_site import LOGIN, assert_no_canary, command_lines, site_file
from tests.https_site import HttpsSite, Served
from tests.qemu import MARKER, boot
from tests.repository import REPOSITORY
from tests.ssh import copy, ssh
from tests.tiny_image import downloaded

# On a busy host a boot lasts as long as it takes to get its processor's time: tests/qemu.py knows when it hangs.
pytestmark = [pytest.mark.containers, pytest.mark.timeout(1800)]

RECIPES = REPOSITORY / "recipes"
CUSTOMIZED = "IMS-CUSTOMIZED"
# The guest says it by the program of the package.
CHANGE = (
    "mkdir /etc/systemd/system/ims-boot-test.service.d && printf "
    f"'[Service]\\nExecStartPre=/bin/busybox echo {CUSTOMIZED}\\n' "
    "> /etc/systemd/system/ims-boot-test.service.d/customized.conf"
)
LEAP = ("distribution/leap/15.6/repo/oss", "update/leap/15.6/oss", "update/leap/15.6/sle")
ROCKY = ("9/BaseOS/x86_64/os", "9/AppStream/x86_64/os")


@pytest.fixture(scope="module")
def mirror(https_site: HttpsSite, rpm_distribution: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A mirror as the samples expect one, by HTTPS with the site's CA, for one user alone."""
    folder = tmp_path_factory.mktemp("mirror")
    for path in (*LEAP, *ROCKY):
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(rpm_distribution)
    with https_site.serve(folder, login=LOGIN) as served:
        yield served


def sample(site: Site, name: str, distribution: str, address: str) -> Recipe:
    """Register one of the samples."""
    archive = io.BytesIO()
    pack(RECIPES / name, archive)
    dictionary = [{"key": "mirror", "value": address}]
    return site.add_recipe(archive.getvalue(), linux_distribution=distribution, template_dictionary=dictionary)


def build(site: Site, recipe: Recipe) -> str:
    """Build an image and return the job's id."""
    job_id = new_id()
    assert site.run(job_id, recipe_id=recipe.id, job_mem_size=4, build_env_size=4) == 0, site.runs[0].log.read_text()
    return job_id


def built(site: Site, job_id: str, folder: Path) -> dict[str, Path]:
    """Download the artifacts of the image that a job has made; its root has passed the inspection."""
    inspection = site.job(job_id).inspection
    assert inspection is not None
    assert inspection.entries > 1000
    assert [each for each in inspection.findings if each.weight == "error"] == []
    folder.mkdir(exist_ok=True)
    return downloaded(site.store, site.catalogue.images.get(image_id_of(job_id)), folder)


def assert_boots(files: dict[str, Path], marker: str = MARKER) -> None:
    """See that an image boots, and that systemd's own mount of its root is what it boots from."""
    booted = boot(files["kernel"], files["initrd"], files["rootfs"], marker=marker)
    assert booted.ok, booted.report
    assert "Mounted sysroot.mount" in booted.console, booted.report
    assert "Failed to mount sysroot.mount" not in booted.console, booted.report


def customize(site: Site, key: Path, image_id: str, folder: Path) -> str:
    """Install a package in an image by a jailed shell, let the guest tell of it, and return the job's id."""
    fetch = ["apt-get", "-o", "APT::Sandbox::User=root", "download", "-q", "busybox-static"]
    subprocess.run(fetch, cwd=folder, check=True, capture_output=True)
    [package] = folder.glob("busybox-static_*.deb")
    job_id = new_id()
    run = site.customize(job_id, image_id, jail=True, rebuild_initrd=True, job_mem_size=4, build_env_size=4)
    shell = site.waiting(run, job_id)
    copy(shell, key, str(package), ":/root/package.deb")
    ssh(shell, key, f"dpkg -i /root/package.deb && {CHANGE} && touch /tmp/complete")
    assert run.wait() == 0, run.log.read_text()
    return job_id


def assert_initrd_is_made_anew(folder: Path, old: str, new: str) -> None:
    """See that another initrd holds what the old one holds, which dracut's own choice of modules would not."""
    assert (folder / old).read_bytes() != (folder / new).read_bytes()
    command = "lsinitrd /workspace/{0} | awk '/^[-ld]/ {{ print $9 }}'; lsinitrd -m /workspace/{0} | tail -n +4"
    before, after = (
        run_in_builder(["sh", "-c", command.format(name)], workspace=folder).stdout.splitlines() for name in (old, new)
    )
    assert {"dmsquash-live", "usr/lib/dracut/modules.txt"} <= set(before)
    assert after == before


def unsquashed(files: dict[str, Path], folder: Path) -> Path:
    subprocess.run(["unsquashfs", "-quiet", "-no-progress", "-d", folder / "root", files["rootfs"]], check=True)
    return folder / "root"


def test_the_debian_sample_becomes_an_image_that_trusts_the_sites_ca_and_boots_when_it_is_customized(
    site: Site, key: Path, mirror: Served, tmp_path: Path
) -> None:
    """The customized image holds all of the first one: the boot of one shows that of both."""
    site_file(site, mirror)
    job_id = build(site, sample(site, "debian-minimal", "debian12", host_mirror()))
    files = built(site, job_id, tmp_path)
    assert (
        mirror.ca_file.read_text().strip()
        in (unsquashed(files, tmp_path) / "etc/ssl/certs/ca-certificates.crt").read_text()
    )
    changed = customize(site, key, image_id_of(job_id), tmp_path)
    again = built(site, job_id, tmp_path / "again")
    assert {name: file.read_bytes() for name, file in again.items()} == {
        name: file.read_bytes() for name, file in files.items()
    }
    customized = built(site, changed, tmp_path / "changed")
    assert_initrd_is_made_anew(tmp_path, "initrd", "changed/initrd")
    assert_boots(customized, CUSTOMIZED)


@pytest.mark.parametrize(
    ("name", "distribution", "repositories"),
    [("opensuse-leap", "sles15", LEAP), ("rocky-minimal", "rocky9", ROCKY)],
    ids=["zypper", "dnf"],
)
def test_an_rpm_sample_becomes_an_image_that_boots_and_trusts_the_sites_server(
    site: Site, mirror: Served, tmp_path: Path, name: str, distribution: str, repositories: tuple[str, ...]
) -> None:
    site_file(site, mirror)
    with command_lines() as seen:
        job_id = build(site, sample(site, name, distribution, mirror.url.rstrip("/")))
    assert site.job(job_id).repositories == [f"{mirror.url}{path}/" for path in repositories]
    files = built(site, job_id, tmp_path)
    root = unsquashed(files, tmp_path)
    assert_no_canary(site, site.job(job_id), root, seen)
    address = f"{mirror.url}{repositories[0]}/repodata/repomd.xml"
    asked = run_in_builder(
        ["chroot", "/workspace/root", "curl", "--silent", "--show-error", "--head", address], workspace=tmp_path
    )
    assert "401 Unauthorized" in asked.stdout, "the server is trusted, and wants to know who is there"
    assert_boots(files)
