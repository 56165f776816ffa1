"""flows/customize_image.py, for real: a small image changed by a real ssh client, and packed as a new one."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from builder.contract.shell_orders import Operation, Order, Orders
from storage.models.jobs import Diagnosis, JobStatus
from storage.models.layout import shell_orders_key
from storage.models.records import Image, new_id
from storage.models.shells import SshContainer
from storage.records.shell_orders import read_orders
from tests.flows.platforms import on_every_platform
from tests.flows.site import Run, Site
from tests.root_listing import listing
from tests.ssh import copy, leave_at_once, new_key, sftp, ssh, ssh_options
from tests.tiny_image import PARAMETERS, downloaded, register

pytestmark = pytest.mark.containers

ROOT = "/mnt/image/image-root"
STEPS = ("shell", "package", "upload")


@pytest.fixture
def image(site: Site, tiny_rootfs: Path, tmp_path: Path) -> Iterator[Image]:
    """The image to customize; whatever a job does to it, it stays what it was, byte for byte."""
    made = site.catalogue.images.create(register(site.store, site.boot_images_bucket, tiny_rootfs))
    yield made
    assert site.catalogue.images.get(made.id) == made
    folder = tmp_path / "original"
    folder.mkdir()
    files = downloaded(site.store, made, folder)
    for name in ("rootfs", "kernel", "initrd"):
        assert files[name].read_bytes() == (tiny_rootfs / name).read_bytes()
    shutil.rmtree(folder)


def made_of(site: Site, image: Image) -> Image:
    """Return the only image that was made of another."""
    [made] = [each for each in site.images() if each.id != image.id]
    return made


def failed(site: Site, run: Run, job_id: str, image: Image) -> Diagnosis:
    """Wait for the end of a job that fails, and return why; nothing is packed, and nothing left."""
    assert run.wait() != 0, run.log.read_text()
    job = site.job(job_id)
    assert job.status is JobStatus.ERROR
    assert [shell.status for shell in job.ssh_containers] == ["ended"]
    assert [each.id for each in site.images()] == [image.id]
    assert list(site.store.keys(site.boot_images_bucket, f"{job_id}/")) == []
    assert site.leftovers(job_id) == []
    assert job.diagnosis is not None
    return job.diagnosis


@on_every_platform
@pytest.mark.parametrize("overlay", ["yes", "no"], ids=["mounted", "unpacked"])
def test_what_was_changed_is_in_the_new_image_and_all_else_survives(
    site: Site, key: Path, image: Image, tiny_rootfs: Path, tmp_path: Path, overlay: str
) -> None:
    site.environment["IMS_ROOT_OVERLAY"] = overlay
    job_id = new_id()
    run = site.customize(job_id, image.id)
    shell = site.waiting(run, job_id)
    changes = f"cd {ROOT} && echo new > etc/motd && echo more >> srv/two && rm srv/link-a && mv srv/folder srv/moved"
    changed = ssh(shell, key, f"{changes} && echo $IMS_JOB_ID $IMS_ARCH && touch /mnt/image/complete")
    assert changed.stdout == f"{job_id} x86_64\n"
    assert run.wait() == 0, run.log.read_text()
    assert ("with an overlay" if overlay == "yes" else "unpacked") in run.log.read_text()

    made = made_of(site, image)
    assert made.metadata == {"ims_job_id": job_id, "ims_image_id": image.id}
    assert site.job(job_id).resultant_image_id == made.id
    assert site.leftovers(job_id) == []
    files = downloaded(site.store, made, tmp_path)
    assert files["boot_parameters"].read_bytes() == PARAMETERS
    before, after = listing(tiny_rootfs / "rootfs", tmp_path), listing(files["rootfs"], tmp_path)
    assert {path for path in after if path not in before} == {
        *("etc/motd", "srv/moved", "srv/moved/inner", "srv/moved/inner/old")
    }
    assert {path for path in before if path not in after} == {
        *("srv/link-a", "srv/folder", "srv/folder/inner", "srv/folder/inner/old")
    }
    for name in ("", "/inner", "/inner/old"):
        assert without_links(after[f"srv/moved{name}"]) == without_links(before[f"srv/folder{name}"])
    links = ["opt/three", "srv/one", "srv/two"]
    for path in links:
        assert after[path]["links"] == links
        assert after[path]["sha256"] != before[path]["sha256"]
        assert after[path]["xattrs"] == before[path]["xattrs"]
    assert after["srv/link-b"]["links"] == ["srv/link-b"]
    same = set(before) & set(after) - {*links, "srv/link-b"}
    assert {path: after[path] for path in same} == {path: before[path] for path in same}


def without_links(entry: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in entry.items() if name != "links"}


def test_in_a_jail_the_image_is_all_there_is(site: Site, key: Path, image: Image, tmp_path: Path) -> None:
    job_id = new_id()
    run = site.customize(job_id, image.id, jail=True, ssh_container_name="mine")
    shell = site.waiting(run, job_id)
    assert (shell.name, shell.jail) == ("mine", True)

    # Clients connect as soon as the record says where, and some of them once.
    ssh(shell, key, "true", "-o", "ConnectionAttempts=1")
    seen = ssh(
        shell, key, "echo $IMS_JOB_ID $IMS_ARCH; pwd; ls /; cat /etc/resolv.conf; test -e /proc/self -a -c /dev/null"
    )
    assert seen.stdout.startswith(f"{job_id} x86_64\n/root\nbin\nboot\n")
    assert Path("/etc/resolv.conf").read_text() in seen.stdout, "names are found as in the pod"

    (tmp_path / "file").write_text("by scp\n")
    copy(shell, key, str(tmp_path / "file"), ":/etc/motd")
    copy(shell, key, ":/etc/passwd", str(tmp_path / "passwd"))
    assert (tmp_path / "passwd").read_text() == "root:x:0:0:root:/root:/bin/sh\n"
    sftp(shell, key, f"put {tmp_path / 'file'} /srv/by-sftp\nls /srv\n")

    for path in ("/workspace/prepared.json", "/../../workspace/prepared.json", "/proc/self/cwd/../workspace/shell"):
        assert "such file" in ssh(shell, key, f"cat {path}", fails=True).stderr
        sftp(shell, key, f"get {path} {tmp_path / 'escaped'}\n", fails=True)
    ssh(shell, key, "ln -s /workspace /srv/out; ln -s ../../../workspace /srv/up")
    for link in ("/srv/out", "/srv/up"):
        sftp(shell, key, f"get {link}/prepared.json {tmp_path / 'escaped'}\n", fails=True)
    assert not (tmp_path / "escaped").exists()

    assert_nobody_else_comes_in(shell, key, tmp_path)
    # The configuration service closes its connection without waiting for the command.
    leave_at_once(shell, key, "rm /srv/out /srv/up && touch /tmp/complete")
    assert run.wait() == 0, run.log.read_text()
    files = downloaded(site.store, made_of(site, image), tmp_path)
    told = listing(files["rootfs"], tmp_path)
    assert told["srv/by-sftp"]["sha256"] == told["etc/motd"]["sha256"]
    assert told["etc/resolv.conf"]["target"] == "../run/systemd/resolve/stub-resolv.conf", "it is the image's again"
    assert not {path for path in told if path.startswith(("dev/", "proc/", "sys/", "tmp/", "etc/.resolv"))}


def assert_nobody_else_comes_in(shell: SshContainer, key: Path, tmp_path: Path) -> None:
    another = ssh(shell, new_key(tmp_path / "other"), "true", fails=True)
    assert "Permission denied (publickey)" in another.stderr
    by_password = ("-o", "PubkeyAuthentication=no", "-o", "PreferredAuthentications=password")
    assert "Permission denied (publickey)" in ssh(shell, key, "true", *by_password, fails=True).stderr
    ssh(shell, key, "true", "-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:22", fails=True)


@on_every_platform
def test_a_root_without_a_kernel_is_not_complete_and_the_shell_goes_on(site: Site, key: Path, image: Image) -> None:
    job_id = new_id()
    run = site.customize(job_id, image.id)
    shell = site.waiting(run, job_id)
    ssh(shell, key, f"mv {ROOT}/boot/vmlinuz {ROOT}/boot/vmlinuz-6.1.0-tiny /root")
    missing = "the image root has no kernel: there is no /boot/vmlinuz; /boot holds initrd, initrd-6.1.0-tiny"
    refused = site.ims("jobs", "complete", job_id)
    assert (refused.returncode, refused.stderr.splitlines()[0]) == (
        2,
        f"Error: Not complete: {missing}",
    )
    again = ssh(shell, key, f"touch /mnt/image/complete; sleep 2; ls /mnt/image; mv /root/vmlinuz* {ROOT}/boot")
    assert again.stdout == "image-root\n", "the signal was taken away"
    assert site.job(job_id).status is JobStatus.WAITING_ON_USER
    before, _ = read_orders(site.store, site.ims_bucket, job_id)
    extended = site.ims("jobs", "extend", job_id, "--by", "90m")
    assert extended.stdout.startswith(f"The shell of job {job_id} ends at ")
    after, _ = read_orders(site.store, site.ims_bucket, job_id)
    assert after.until == before.until + timedelta(minutes=90).total_seconds()
    assert site.finish_shell(job_id, "complete") == 0
    assert run.wait() == 0, run.log.read_text()
    assert site.job(job_id).diagnosis is None


@on_every_platform
def test_a_shell_outlives_a_dropped_connection_and_the_flows_process(site: Site, key: Path, image: Image) -> None:
    job_id = new_id()
    run = site.customize(job_id, image.id)
    shell = site.waiting(run, job_id)
    dropped = subprocess.Popen(
        [*shell.command.split(), *ssh_options(key), f"echo kept > {ROOT}/etc/motd; echo there; sleep 60"],
        stdout=subprocess.PIPE,
    )
    assert dropped.stdout is not None
    assert dropped.stdout.readline() == b"there\n"
    dropped.kill()
    dropped.communicate()
    run.kill()
    run.wait()
    site.lose(job_id)
    assert site.job(job_id).status is JobStatus.WAITING_ON_USER
    again = site.customize(job_id, image.id)
    site.wait_for(lambda: again.log.exists() and "customize the image with" in again.log.read_text())
    assert site.waiting(again, job_id) == shell
    assert ssh(shell, key, f"cat {ROOT}/etc/motd").stdout == "kept\n"
    aborted = site.ims("jobs", "abort", job_id)
    assert aborted.returncode == 0, aborted.stderr
    diagnosis = failed(site, again, job_id, image)
    assert diagnosis.summary == "aborted: the user aborted it, by an order"
    late = site.ims("jobs", "complete", job_id)
    assert (late.returncode, f"no shell of job {job_id} is open: it is error" in late.stderr) == (2, True)


@on_every_platform
def test_a_forgotten_shell_ends_at_its_limit(site: Site, key: Path, image: Image) -> None:
    site.environment["IMS_SHELL_LIMIT"] = "3s"
    job_id = new_id()
    run = site.customize(job_id, image.id)
    site.waiting(run, job_id)
    diagnosis = failed(site, run, job_id, image)
    assert diagnosis.summary == "the shell was ended at its limit, so nothing was packed"
    assert "ims jobs extend" in diagnosis.resolution


@on_every_platform
def test_the_user_gives_up(site: Site, key: Path, image: Image) -> None:
    job_id = new_id()
    run = site.customize(job_id, image.id)
    ssh(site.waiting(run, job_id), key, "touch /mnt/image/failed")
    assert failed(site, run, job_id, image).summary == "aborted: the user aborted it, by /mnt/image/failed"


@on_every_platform
def test_a_run_that_was_suspended_is_cancelled_with_its_shell(site: Site, key: Path, image: Image) -> None:
    job_id = new_id()
    run = site.customize(job_id, image.id)
    site.waiting(run, job_id)
    site.suspend_and_cancel(job_id)
    site.wait_for(lambda: not run.process.is_alive(), 30)
    assert failed(site, run, job_id, image).summary == "cancelled"
    assert site.state_of_run(job_id) == "Cancelled"


def test_an_image_that_cannot_be_customized_is_refused_before_a_pod_starts(site: Site, image: Image) -> None:
    assert image.link is not None
    site.catalogue.images.change(image.id, lambda known: known.model_copy(update={"link": None}))
    job_id = new_id()
    assert site.customize(job_id, image.id).wait() == 1
    job = site.job(job_id)
    assert job.diagnosis is not None
    assert job.diagnosis.summary == f"image {image.id} has no manifest, so it has no artifacts"
    assert (job.status, job.logs, site.leftovers(job_id)) == (JobStatus.ERROR, [], [])
    site.catalogue.images.change(image.id, lambda known: known.model_copy(update={"link": image.link}))


def test_cycles_leave_nothing_behind(site: Site, image: Image) -> None:
    """Every other one is aborted. Their orders are there before them, so that no client is needed."""
    todo = {new_id(): operation for _ in range(4) for operation in Operation}
    for job_id, operation in todo.items():
        order = Order(id=job_id, operation=operation)
        orders = Orders(until=time.time() + 600, latest=0, order=order, opened=("shell",))
        site.store.write(site.ims_bucket, shell_orders_key(job_id), orders.to_json())
    # Two at a time, each process with four of them: importing Prefect takes longer than the shell.
    job_ids = list(todo)
    runs = [site.customize_in_turn(job_ids[first : first + 4], image.id) for first in (0, 4)]
    assert [run.wait() for run in runs] == [2] * 2, "".join(run.log.read_text() for run in runs)
    complete = {job_id for job_id, operation in todo.items() if operation is Operation.COMPLETE}
    assert {each.name for each in site.images()} == {image.name, *complete}
    assert [left for job_id in todo for left in site.leftovers(job_id)] == []
    mounts = Path("/proc/mounts").read_text()
    assert [job_id for job_id in todo if job_id in mounts] == []
    assert [file for file in backing_files() if file.endswith("(deleted)")] == [], "the workspaces are gone"
    kept = {key.split("/")[2] for job_id in todo for key in site.store.keys(site.ims_bucket, f"jobs/{job_id}/")}
    documents = {"context.tgz", "inspection.json", "package.json", "upload-plan.json"}
    assert kept == {*documents, *(f"{step}.log" for step in STEPS)}


def backing_files() -> list[str]:
    """Return the files that loop devices stand for."""
    return [file.read_text().strip() for file in Path("/sys/block").glob("loop*/loop/backing_file")]
