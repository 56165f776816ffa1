"""The debug shell of tasks/shells.py, with a real ssh client. Who comes in, and who does not: test_customize.py."""

import signal
import subprocess
from pathlib import Path

import pytest

from storage.models.jobs import Job, JobStatus
from storage.models.records import Recipe, new_id
from tests.flows.platforms import on_every_platform
from tests.flows.site import Run, Site
from tests.flows.test_create_image import with_text
from tests.flows.test_rpm_site import LOGIN, recipe_of, site_file
from tests.https_site import HttpsSite
from tests.ssh import ssh

pytestmark = pytest.mark.containers


@pytest.fixture
def broken(site: Site, tiny_recipe_archive: bytes) -> Recipe:
    """A recipe that asks for a package that is not there."""
    return site.add_recipe(
        with_text(tiny_recipe_archive, "config.xml", '<package name="bash"/>', '<package name="no-such-package"/>')
    )


def ended(site: Site, run: Run, job_id: str) -> Job:
    """Wait for the end of a job whose shell was ended, and return its record."""
    assert run.wait() == 1
    job = site.job(job_id)
    assert job.status is JobStatus.ERROR
    assert job.diagnosis is not None
    assert "no-such-package" in job.diagnosis.summary
    assert [(shell.status, shell.command) for shell in job.ssh_containers] == [("ended", "")]
    assert site.leftovers(job_id) == []
    return job


def test_a_failed_build_can_be_looked_at_until_a_file_ends_it(site: Site, key: Path, broken: Recipe) -> None:
    job_id = new_id()
    run = site.start(job_id, recipe_id=broken.id, enable_debug=True)
    shell = site.waiting(run, job_id)
    diagnosis = site.job(job_id).diagnosis
    assert diagnosis is not None
    assert "no-such-package" in diagnosis.summary, "the reason is told while the shell is open"
    looked = ssh(shell, key, "echo $IMS_JOB_ID $IMS_ARCH; cat /mnt/image/image-root/../kiwi.log")
    assert looked.stdout.startswith(f"{job_id} x86_64\n")
    assert "No provider of 'no-such-package' found." in looked.stdout
    known = key.with_name("known_hosts")
    shown = subprocess.run(["ssh-keygen", "-l", "-f", known], capture_output=True, text=True, check=True).stdout
    assert shell.host_key in shown.split()
    ssh(shell, key, "touch /mnt/image/complete")
    ended(site, run, job_id)


def test_the_shell_ends_at_its_limit(site: Site, key: Path, broken: Recipe) -> None:
    site.environment["IMS_SHELL_LIMIT"] = "3s"
    job_id = new_id()
    run = site.start(job_id, recipe_id=broken.id, enable_debug=True)
    site.waiting(run, job_id)
    job = ended(site, run, job_id)
    [log] = [log for log in job.logs if log.key.endswith("shell.log")]
    assert b"ended at its limit" in site.store.read(log.bucket, log.key)[0]


@on_every_platform
def test_a_shell_outlives_the_flows_process_and_the_next_run_waits_for_it(
    site: Site, key: Path, broken: Recipe
) -> None:
    job_id = new_id()
    run = site.start(job_id, recipe_id=broken.id, enable_debug=True)
    before = site.waiting(run, job_id)
    run.kill()
    run.wait()
    ssh(before, key, "touch /mnt/image/mark")
    again = site.start(job_id, recipe_id=broken.id, enable_debug=True)
    site.wait_for(lambda: again.log.exists() and "look around with" in again.log.read_text())
    assert site.waiting(again, job_id) == before
    ssh(before, key, "rm /mnt/image/mark && touch /mnt/image/complete")
    ended(site, again, job_id)


@on_every_platform
def test_a_cancel_ends_the_shell(site: Site, key: Path, broken: Recipe) -> None:
    job_id = new_id()
    run = site.start(job_id, recipe_id=broken.id, enable_debug=True)
    shell = site.waiting(run, job_id)
    run.interrupt(signal.SIGTERM)
    assert run.wait() != 0
    diagnosis = site.job(job_id).diagnosis
    assert diagnosis is not None
    assert diagnosis.summary == "cancelled"
    assert site.leftovers(job_id) == []
    assert ssh(shell, key, "true", fails=True).returncode == 255


def test_the_sites_credentials_are_not_to_be_found_in_it(
    site: Site, key: Path, https_site: HttpsSite, tiny_distribution: Path, tiny_recipe_archive: bytes
) -> None:
    job_id = new_id()
    with https_site.serve(tiny_distribution, login=LOGIN) as served:
        site_file(site, served)
        archive = with_text(tiny_recipe_archive, "config.sh", "#!/bin/sh", "#!/bin/sh\nexit 3")
        run = site.start(job_id, recipe_id=recipe_of(site, served.url, archive).id, enable_debug=True)
        shell = site.waiting(run, job_id)
        places = "/workspace /run /root /etc /tmp /var"
        found = ssh(shell, key, f"grep -rlF {LOGIN.password.split()[1].rstrip('@:')} {places}; ls /workspace/kiwi.log")
        assert found.stdout == "/workspace/kiwi.log\n"
        ssh(shell, key, "touch /mnt/image/complete")
        assert run.wait() == 1


def test_without_debugging_no_shell_opens(site: Site, broken: Recipe) -> None:
    job_id = new_id()
    assert site.run(job_id, recipe_id=broken.id) == 1
    assert site.job(job_id).ssh_containers == []
    assert {Path(log.key).name for log in site.job(job_id).logs} == {"prepare.log"}
