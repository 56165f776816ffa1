"""A run of tests that tests/test_supervised.py interrupts: each starts what other tests start, and never ends.

Its name is not that of a test file, so that no run collects it unless it is asked to.
"""

import os
import subprocess
import threading
import time
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from pods.manifest import Claim, Pod
from pods.podman.runtime import Podman
from tests.builder_pod import run_in_builder
from tests.cli.running import Up
from tests.pods.shell_image import image
from tests.s3_server import S3Server

__all__ = ["image"]

# Where a test says that all is there; named after what has to be gone in the end, for some.
READY = Path(os.environ.get("INTERRUPTED_RUN", "."))


def wait_for_the_end(name: str) -> None:
    (READY / name).touch()
    time.sleep(600)


def test_services(up: Up, prefect_api: str, s3_server: S3Server) -> None:
    wait_for_the_end("services")


def test_a_pod_and_a_claim(tmp_path: Path, image: str) -> None:
    podman, claim = Podman(tmp_path / "podman"), Claim(job_id=str(uuid4()), size_gib=1)
    (READY / f"job-{claim.job_id}").touch()
    podman.create_claim(claim)
    pod = Pod(
        job_id=claim.job_id,
        step="test",
        image=image,
        command=["sleep", "600"],
        claim=claim.name,
        memory_gib=1,
        deadline=timedelta(minutes=10),
    )
    threading.Thread(target=podman.run, args=(pod,), kwargs={"log": tmp_path / "log"}, daemon=True).start()
    while podman.outcome(pod.name) is None:
        time.sleep(0.1)
    wait_for_the_end("pod")


def test_what_the_kernel_keeps(tmp_path: Path) -> None:
    disk, mounted = tmp_path / "disk", tmp_path / "mounted"
    mounted.mkdir()
    with disk.open("wb") as file:
        file.truncate(1 << 20)
    subprocess.run(["losetup", "--find", str(disk)], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", str(mounted)], check=True)
    namespace = f"netns-{uuid4()}"
    (READY / namespace).touch()
    network = Path("/run/netns") / namespace
    network.parent.mkdir(exist_ok=True)
    network.touch()
    subprocess.run(["unshare", f"--net={network}", "true"], check=True)
    # Two forks and a session of its own, with SIGTERM ignored.
    subprocess.run(["sh", "-c", 'trap "" TERM; setsid sleep 601 & exit 0'], check=True)
    wait_for_the_end("kernel")


def test_a_container(tmp_path: Path) -> None:
    waiting = threading.Thread(
        target=run_in_builder, args=(["sleep", "602"],), kwargs={"workspace": tmp_path}, daemon=True
    )
    waiting.start()
    wait_for_the_end("container")
