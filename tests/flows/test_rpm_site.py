"""Recipes of a site: RPMs from a server with the site's own CA and users, as flows/create_image.py builds them."""

import secrets
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from storage.layout import artifact_key
from storage.models import Job, JobStatus, Recipe, new_id
from tests.flows.site import Site
from tests.flows.test_create_image import with_text
from tests.https_site import HttpsSite, Login, Served

pytestmark = pytest.mark.containers

# Unlike anything else, and with what an address has to escape.
CANARY = f"Canary/{secrets.token_hex(8)}@:"
ESCAPED = CANARY.replace("/", "%2F").replace("@", "%40").replace(":", "%3A")
LOGIN = Login("builder", CANARY)


@pytest.fixture(scope="module")
def served(https_site: HttpsSite, tiny_distribution: Path) -> Iterator[Served]:
    """The tiny distribution by HTTPS, for one user alone."""
    with https_site.serve(tiny_distribution, login=LOGIN) as served:
        yield served


def site_file(site: Site, served: Served, **more: object) -> None:
    """Let the site have the server's CA and credentials, and more."""
    password = site.folder / "password"
    password.write_text(f"{CANARY}\n")
    said = {
        "ca_certificates": str(served.ca_file),
        "credentials": [{"url": served.url, "username": LOGIN.user, "password_file": "password"}],
        **more,
    }
    file = site.folder / "site.yaml"
    file.write_text(yaml.safe_dump({name: value for name, value in said.items() if value is not None}))
    site.environment["IMS_SITE_FILE"] = str(file)


def recipe_of(site: Site, url: str, archive: bytes) -> Recipe:
    """Register a recipe that builds from an address."""
    return site.add_recipe(archive, template_dictionary=[{"key": "repository", "value": url}])


def built(site: Site, recipe: Recipe, **parameters: object) -> Job:
    job_id = new_id()
    assert site.run(job_id, recipe_id=recipe.id, **parameters) == 0, site.runs[-1].log.read_text()
    return site.job(job_id)


def failed(site: Site, recipe: Recipe, **parameters: object) -> Job:
    """Run a job that must fail, and return its record."""
    job_id = new_id()
    assert site.run(job_id, recipe_id=recipe.id, **parameters) == 1
    job = site.job(job_id)
    assert job.status is JobStatus.ERROR
    assert job.diagnosis is not None
    assert site.images() == []
    assert site.leftovers(job_id) == []
    return job


def unsquashed(site: Site, job: Job, folder: Path) -> Path:
    """Unpack the rootfs of a job's image."""
    rootfs = folder / "rootfs"
    site.store.download(site.boot_images_bucket, artifact_key(str(job.resultant_image_id), "rootfs"), rootfs)
    subprocess.run(["unsquashfs", "-quiet", "-no-progress", "-d", folder / "root", rootfs], check=True)
    return folder / "root"


@pytest.mark.parametrize(("manager", "agent"), [("zypper", "ZYpp"), ("dnf", "libdnf")])
def test_a_recipe_is_built_from_a_server_with_a_private_ca_and_users(
    site: Site, served: Served, tiny_recipe_archive: bytes, tmp_path: Path, manager: str, agent: str
) -> None:
    archive = with_text(tiny_recipe_archive, "config.xml", ">zypper<", f">{manager}<")
    site_file(site, served)
    with command_lines() as seen:
        job = built(site, recipe_of(site, served.url, archive))
    assert any(f"user={LOGIN.user}" in request and agent in request for request in served.requests)
    root = unsquashed(site, job, tmp_path)
    [anchor] = (root / "usr/share/pki/trust/anchors").glob("ims-site-ca-*.pem")
    assert anchor.read_text().strip() == served.ca_file.read_text().strip()
    assert list((root / "etc/pki/ca-trust/source/anchors").iterdir())
    assert_no_canary(site, job, root, seen)


def assert_no_canary(site: Site, job: Job, root: Path, command_lines: set[str]) -> None:
    """Assert that the password is in no log, record, artifact, context or command line."""
    assert any("kiwi-ng" in line for line in command_lines), "the command lines were looked at"
    places = {"command line": line.encode() for line in command_lines}
    places |= {str(run.log): run.log.read_bytes() for run in site.runs}
    for key in site.store.keys(site.ims_bucket, ""):
        places[key] = site.store.read(site.ims_bucket, key)[0]
    assert f"jobs/{job.id}/context.tgz" in places
    unpacked = subprocess.run(
        ["tar", "-xzO"], input=places[f"jobs/{job.id}/context.tgz"], capture_output=True, check=True
    )
    places["context"] = unpacked.stdout
    places |= {str(file): file.read_bytes() for file in root.rglob("*") if file.is_file() and not file.is_symlink()}
    found = [place for place, content in places.items() if any(word.encode() in content for word in (CANARY, ESCAPED))]
    assert found == []


@contextmanager
def command_lines() -> Iterator[set[str]]:
    """Collect the command lines and the environments of all processes of this host while the block runs."""
    seen: set[str] = set()
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.005):
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    seen.add((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                except OSError:
                    continue  # it has just ended

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def test_signed(site: Site, https_site: HttpsSite, tiny_distribution: Path, signed_by_a, signed_by_b, tiny_recipe_archive: bytes) -> None:
    for manager in ("zypper", "dnf"):
        archive = with_text(tiny_recipe_archive, "config.xml", ">zypper<", f">{manager}<")
        archive = with_text(archive, "config.xml", "signatures>false", "signatures>true")
        archive = with_text(archive, "config.xml", 'alias="tiny"', 'alias="tiny" repository_gpgcheck="true" package_gpgcheck="true"')
        for name, folder in (("unsigned", tiny_distribution), ("b", signed_by_b.folder), ("a", signed_by_a.folder)):
            with https_site.serve(folder) as vanishing:
                site_file(site, vanishing, credentials=None, signing_keys=[str(signed_by_a.public_key)])
                job_id = new_id()
                run = site.start(job_id, recipe_id=recipe_of(site, vanishing.url, archive).id)
                run.wait()
                print("=======", manager, name)
                print(site.job(job_id).status, site.job(job_id).diagnosis and site.job(job_id).diagnosis.summary)
