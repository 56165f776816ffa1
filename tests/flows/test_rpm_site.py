"""Recipes of a site: RPMs from a server with the site's own CA and users, as flows/create_image.py builds them."""

import os
import secrets
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml

from storage.models.jobs import Job, JobStatus
from storage.models.layout import artifact_key
from storage.models.records import Recipe, new_id
from tests.flows.site import Site
from tests.flows.test_create_image import with_text
from tests.https_site import CertificateKind, HttpsSite, Login, Served
from tests.signed_repository import SignedRepository

pytestmark = pytest.mark.containers

# Unlike anything else, with what an address has to escape, and what dnf would put a value for.
CANARY = f"Canary/$basearch {secrets.token_hex(8)}@:"
ESCAPED = quote(CANARY, safe="")
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
    places = {"command lines": "\n".join(command_lines).encode()}
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
    """Collect the command lines of all processes of this host while the block runs.

    A process is looked at again and again while it is young: it may end soon, or become another program. Older ones are
    looked at now and then, which is enough for what goes on: to read those of a whole host all the time takes a core.
    """
    seen: set[str] = set()
    done = threading.Event()

    def look() -> None:
        began: dict[str, float] = {}
        next_of_all = 0.0
        while not done.wait(0.005):
            now = time.monotonic()
            began = {process: began.get(process, now) for process in os.listdir("/proc") if process.isdigit()}  # noqa: PTH208
            of_all = now >= next_of_all
            if of_all:
                next_of_all = now + 0.5
            for process, since in began.items():
                if of_all or now - since < 1:
                    with suppress(OSError):  # it has just ended
                        seen.add(_command_line(process))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def _command_line(process: str) -> str:
    with open(f"/proc/{process}/cmdline", "rb") as file:  # noqa: PTH123 - a path of pathlib takes as long as the rest
        return file.read().replace(b"\0", b" ").decode(errors="replace")


def with_manager(archive: bytes, manager: str) -> bytes:
    """Return a recipe's archive with another package manager."""
    return with_text(archive, "config.xml", "<packagemanager>zypper<", f"<packagemanager>{manager}<")


MANAGERS = pytest.mark.parametrize("manager", ["zypper", "dnf"])


def test_without_the_sites_ca_the_server_is_not_trusted(site: Site, served: Served, tiny_recipe_archive: bytes) -> None:
    site_file(site, served, ca_certificates=None)
    diagnosis = failed(site, recipe_of(site, served.url, tiny_recipe_archive)).diagnosis
    assert diagnosis is not None
    assert diagnosis.category == "Untrusted"
    assert f"the certificate of {served.url.removeprefix('https://').rstrip('/')} is not trusted" in diagnosis.summary
    assert "ca_certificates in the site file" in diagnosis.resolution


@pytest.mark.parametrize(("kind", "reason"), [("expired", "has expired"), ("stranger", "unable to get local issuer")])
def test_a_certificate_that_is_not_to_be_trusted_ends_the_job_at_once(
    site: Site,
    https_site: HttpsSite,
    tiny_distribution: Path,
    tiny_recipe_archive: bytes,
    kind: CertificateKind,
    reason: str,
) -> None:
    with https_site.serve(tiny_distribution, certificate=kind) as served:
        site_file(site, served)
        diagnosis = failed(site, recipe_of(site, served.url, tiny_recipe_archive)).diagnosis
    assert diagnosis is not None
    assert diagnosis.category == "Untrusted"
    assert reason in diagnosis.summary


@pytest.mark.parametrize("credentials", [[], [("builder", "wrong-canary")]], ids=["none", "wrong"])
def test_a_server_that_refuses_us_ends_the_job_at_once(
    site: Site, served: Served, tiny_recipe_archive: bytes, credentials: list[tuple[str, str]]
) -> None:
    known = [{"url": served.url, "username": user, "password": password} for user, password in credentials]
    site_file(site, served, credentials=known)
    diagnosis = failed(site, recipe_of(site, served.url, tiny_recipe_archive)).diagnosis
    assert diagnosis is not None
    assert diagnosis.category == "Denied"
    assert "401 Unauthorized" in diagnosis.summary
    assert "site file" in diagnosis.resolution
    assert "canary" not in diagnosis.model_dump_json()


@MANAGERS
def test_a_repository_that_disappears_after_the_wait_is_named(
    site: Site, https_site: HttpsSite, tiny_distribution: Path, tiny_recipe_archive: bytes, manager: str
) -> None:
    with https_site.serve(tiny_distribution) as served:
        site_file(site, served, credentials=None)
        job_id = new_id()
        recipe = recipe_of(site, served.url, with_manager(tiny_recipe_archive, manager))
        run = site.start(job_id, recipe_id=recipe.id)
        site.wait_for(lambda: job_id in site.runtime.jobs() and site.job(job_id).status is JobStatus.BUILDING_IMAGE)
        served.vanish()
        assert run.wait() == 1
    diagnosis = site.job(job_id).diagnosis
    assert diagnosis is not None
    assert diagnosis.summary.startswith(served.url)
    assert "does not answer any more" in diagnosis.summary
    assert "run the job again" in diagnosis.resolution


@MANAGERS
def test_a_package_that_is_not_there_is_named(
    site: Site, served: Served, tiny_recipe_archive: bytes, manager: str
) -> None:
    archive = with_manager(tiny_recipe_archive, manager)
    archive = with_text(archive, "config.xml", '<package name="bash"/>', '<package name="no-such-package"/>')
    site_file(site, served)
    diagnosis = failed(site, recipe_of(site, served.url, archive)).diagnosis
    assert diagnosis is not None
    assert diagnosis.summary.startswith("there is no package no-such-package in the repositories")


@MANAGERS
@pytest.mark.parametrize("signer", ["nobody", "a stranger"])
def test_what_the_required_key_has_not_signed_is_refused(
    site: Site,
    https_site: HttpsSite,
    tiny_distribution: Path,
    signed_by_a: SignedRepository,
    signed_by_b: SignedRepository,
    tiny_recipe_archive: bytes,
    manager: str,
    signer: str,
) -> None:
    with https_site.serve(tiny_distribution if signer == "nobody" else signed_by_b.folder) as served:
        site_file(site, served, credentials=None, signing_keys=[str(signed_by_a.public_key)])
        archive = with_manager(checking_signatures(tiny_recipe_archive), manager)
        diagnosis = failed(site, recipe_of(site, served.url, archive)).diagnosis
    assert diagnosis is not None
    assert "is not signed by a key that is known" in diagnosis.summary
    assert "signing_keys" in diagnosis.resolution


@MANAGERS
def test_what_the_required_key_has_signed_is_taken(
    site: Site, https_site: HttpsSite, signed_by_a: SignedRepository, tiny_recipe_archive: bytes, manager: str
) -> None:
    with https_site.serve(signed_by_a.folder) as served:
        site_file(site, served, credentials=None, signing_keys=[str(signed_by_a.public_key)])
        archive = with_manager(checking_signatures(tiny_recipe_archive), manager)
        built(site, recipe_of(site, served.url, archive))


def checking_signatures(archive: bytes) -> bytes:
    """Return a recipe's archive that takes signed metadata and packages alone."""
    archive = with_text(archive, "config.xml", "check-signatures>false<", "check-signatures>true<")
    checks = 'alias="tiny" repository_gpgcheck="true" package_gpgcheck="true"'
    return with_text(archive, "config.xml", 'alias="tiny"', checks)


def test_the_ca_rpm_is_built_once_for_all_jobs(site: Site, served: Served, tiny_recipe_archive: bytes) -> None:
    site_file(site, served)
    recipe = recipe_of(site, served.url, tiny_recipe_archive)
    first, second = built(site, recipe, image_root_archive_name="one"), built(site, recipe)
    assert {Path(log.key).name for log in first.logs} == {"ca-rpm.log", "prepare.log", "package.log", "upload.log"}
    assert {Path(log.key).name for log in second.logs} == {"prepare.log", "package.log", "upload.log"}
    assert len(list(site.store.keys(site.ims_bucket, "ca-rpm/"))) == 1


def test_the_sites_repositories_stand_in_for_the_recipes_own(
    site: Site, served: Served, tiny_recipe_archive: bytes
) -> None:
    mine = {"url": served.url, "alias": "of-the-site", "priority": 2, "linux_distributions": ["sles15"]}
    other = {"url": "https://localhost:1/", "linux_distributions": ["centos7"]}
    site_file(site, served, repositories=[mine, other], replace_repositories=True)
    job = built(site, recipe_of(site, "https://localhost:1/never-asked/", tiny_recipe_archive))
    assert job.repositories == [served.url]


def test_credentials_that_a_recipe_brings_are_used_and_go_no_further(
    site: Site, served: Served, tiny_recipe_archive: bytes, tmp_path: Path
) -> None:
    site_file(site, served, credentials=None)
    url = served.url.replace("https://", f"https://{LOGIN.user}:{ESCAPED}@")
    with command_lines() as seen:
        job = built(site, recipe_of(site, url, tiny_recipe_archive))
    assert job.repositories == [served.url]
    # Its author has put them into the dictionary: there they stay.
    site.catalogue.recipes.change(job.artifact_id, lambda recipe: recipe.model_copy(update={"template_dictionary": []}))
    assert_no_canary(site, job, unsquashed(site, job, tmp_path), seen)


def test_a_profile_that_the_description_has_not_is_refused(site: Site, tiny_recipe_archive: bytes) -> None:
    diagnosis = failed(site, site.add_recipe(tiny_recipe_archive), profiles="gpu").diagnosis
    assert diagnosis is not None
    assert diagnosis.summary == "config.xml: the description has no profile gpu"


def test_a_ca_file_that_is_none_is_refused_before_any_pod(
    site: Site, served: Served, tiny_recipe_archive: bytes
) -> None:
    (site.folder / "ca.pem").write_text("no certificate")
    site_file(site, served, ca_certificates="ca.pem")
    job = failed(site, recipe_of(site, served.url, tiny_recipe_archive))
    assert job.diagnosis is not None
    assert "holds no certificate in PEM form" in job.diagnosis.summary
    assert job.logs == []
