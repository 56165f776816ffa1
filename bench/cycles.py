"""Many customize jobs on the smallest image, every other one aborted: what they leave behind is counted.

Their orders are there before their shells, so that no client is needed. Run as root, `python -m bench.cycles`; 200 jobs
take about ten minutes.
"""

import logging
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from contextlib import suppress
from pathlib import Path

from bench.report import AtMost, Figure, Option, run, show
from bench.samples import register_key
from bench.services import services
from builder.contract.shell_orders import Operation, Order, Orders
from builder.image import ensure_builder_image
from config.settings import settings
from storage.models.layout import shell_orders_key
from storage.models.records import Image, PublicKey, new_id
from storage.records.catalogue import catalogue
from storage.s3.objects import object_store
from storage.s3.uploads import unfinished_uploads
from tests.distribution import fetch_busybox
from tests.tiny_image import make_image, register

OPTIONS = [Option("jobs", 200, 2, "how many jobs")]
OPERATIONS = tuple(Operation)
# What S3 keeps of a job that has ended.
KEPT = {"context.tgz", "inspection.json", "package.json", "upload-plan.json", "shell.log", "package.log", "upload.log"}


def measure(asked: Namespace) -> list[Figure]:
    """Run the jobs and count what is left."""
    # Every other job ends in an error that is wanted.
    logging.disable(logging.CRITICAL)
    ensure_builder_image()
    with services(), tempfile.TemporaryDirectory() as scratch:
        fetch_busybox(Path(scratch))
        made = register(object_store(), settings().boot_images_bucket, make_image(Path(scratch)))
        image, key = catalogue().images.create(made), register_key()
        job_ids = [new_id() for _ in range(asked.jobs)]
        began = time.monotonic()
        for number, job_id in enumerate(job_ids):
            cycle(job_id, OPERATIONS[number % len(OPERATIONS)], image, key)
        seconds = time.monotonic() - began
        images = len(catalogue().images.list()) - 1
        left = leftovers(job_ids)
    show(f"{asked.jobs} jobs, {seconds / asked.jobs:.2f} s each")
    missing = abs((asked.jobs + 1) // 2 - images)
    figures = [Figure("images too few or too many", missing, AtMost(0), at_any_size=True)]
    return figures + [Figure(f"{what} left", number, AtMost(0), at_any_size=True) for what, number in left.items()]


def cycle(job_id: str, operation: Operation, image: Image, key: PublicKey) -> None:
    """Run one job to its end."""
    # Imported when the environment is complete.
    from flows.customize_image import customize_image
    from tasks.pods import StepFailed

    order = Order(id=job_id, operation=operation)
    orders = Orders(until=time.time() + 600, latest=0, order=order, opened=("shell",))
    object_store().write(settings().bucket, shell_orders_key(job_id), orders.to_json())
    with suppress(*([StepFailed] if operation is Operation.ABORT else [])):
        customize_image(image.id, key.id, job_id, build_env_size=1, job_mem_size=1, job_id=job_id)


def leftovers(job_ids: list[str]) -> dict[str, int]:
    """Count what the jobs left that they should not, by what it is."""
    # Imported when the environment is complete.
    from tasks.pods import runtime

    mounts = Path("/proc/mounts").read_text()
    loops = subprocess.run(["losetup", "--list", "--noheadings"], check=True, capture_output=True, text=True).stdout
    objects = [key.split("/") for key in object_store().keys(settings().bucket, "jobs/")]
    return {
        "pods and volumes": len(runtime().jobs().keys() & set(job_ids)),
        "mounts": sum(job_id in mounts for job_id in job_ids),
        "loop devices": sum(job_id in loops for job_id in job_ids) + loops.count("(deleted)"),
        "scratch files": len(list((settings().data_dir / "jobs").rglob("*"))),
        "unfinished uploads": len(list(unfinished_uploads(object_store(), settings().boot_images_bucket, ""))),
        "objects": sum(name not in KEPT for _, _, name in objects),
    }


if __name__ == "__main__":
    sys.exit(run(measure, __doc__, OPTIONS))
