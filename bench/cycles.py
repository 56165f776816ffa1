"""Many customize jobs on the smallest image, every other one aborted: what they leave behind is counted.

Their orders are there before their shells, so that no client is needed. Run as root, `python -m bench.cycles [COUNT]`,
200 unless told otherwise; it takes about ten minutes.
"""

import logging
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

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

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPWRc+UOO0RNGYP9J9WtKKOUyiMXagbLMp5P2zdifaCv bench"
OPERATIONS = tuple(Operation)
# What a job keeps, for whoever wants to know what it did.
KEPT = {"context.tgz", "package.json", "upload-plan.json", "shell.log", "package.log", "upload.log"}


def main() -> int:
    """Run the jobs, print what is left, and judge."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    ensure_builder_image()
    with services(), tempfile.TemporaryDirectory() as scratch:
        fetch_busybox(Path(scratch))
        made = register(object_store(), settings().boot_images_bucket, make_image(Path(scratch)))
        image = catalogue().images.create(made)
        key = catalogue().public_keys.create(PublicKey(name="bench", public_key=KEY))
        job_ids = [new_id() for _ in range(count)]
        began = time.monotonic()
        for number, job_id in enumerate(job_ids):
            cycle(job_id, OPERATIONS[number % len(OPERATIONS)], image, key)
        seconds = time.monotonic() - began
        images = len(catalogue().images.list()) - 1
        left = leftovers(job_ids)
    print(f"{count} cycles, {images} images, {seconds / count:.2f} s each")
    for what, number in left.items():
        print(f"{what} left: {number}")
    good = images == (count + 1) // 2 and not any(left.values())
    print("good" if good else "NOT good")
    return 0 if good else 1


def cycle(job_id: str, operation: Operation, image: Image, key: PublicKey) -> None:
    """Run one job to its end."""
    # Imported when the environment is complete.
    from flows.customize_image import customize_image
    from tasks.pods import StepFailed

    order = Order(id=job_id, operation=operation)
    orders = Orders(until=time.time() + 600, latest=0, order=order, opened=("shell",))
    object_store().write(settings().ims_bucket, shell_orders_key(job_id), orders.to_json())
    with suppress(*([StepFailed] if operation is Operation.ABORT else [])):
        customize_image(image.id, key.id, job_id, build_env_size=1, job_mem_size=1, job_id=job_id)


def leftovers(job_ids: list[str]) -> dict[str, int]:
    """Count what the jobs left that they should not, by what it is."""
    # Imported when the environment is complete.
    from tasks.pods import runtime

    mounts = Path("/proc/mounts").read_text()
    loops = subprocess.run(["losetup", "--list", "--noheadings"], check=True, capture_output=True, text=True).stdout
    objects = [key.split("/") for key in object_store().keys(settings().ims_bucket, "jobs/")]
    return {
        "pods and volumes": len(runtime().jobs().keys() & set(job_ids)),
        "mounts": sum(job_id in mounts for job_id in job_ids),
        "loop devices": sum(job_id in loops for job_id in job_ids) + loops.count("(deleted)"),
        "scratch files": len(list((settings().data_dir / "jobs").rglob("*"))),
        "unfinished uploads": len(list(unfinished_uploads(object_store(), settings().boot_images_bucket, ""))),
        "objects": sum(name not in KEPT for _, _, name in objects),
    }


if __name__ == "__main__":
    # Every other job ends in an error that is wanted.
    logging.disable(logging.CRITICAL)
    sys.exit(main())
