"""What the flow costs: its wall time against the same pod commands run by hand, on recipes/debian-minimal.

By hand means `podman run` of the commands that the flow gave its pods, one after the other, with everything they need
made beforehand: no Prefect, no records, no checks. Run as root, `python -m bench.flow`; it takes about two minutes a
round. The small form builds the tests' smallest recipe: a flow's fixed costs are then most of its time.
"""

import json
import statistics
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bench.report import AtMost, Figure, Option, run, show
from bench.samples import DEBIAN, TINY, mirror_of, register, register_key
from bench.services import services
from builder.image import ensure_builder_image
from config.settings import settings
from pods.manifest import Pod
from pods.podman.runtime import Podman
from storage.models.layout import job_key
from storage.models.records import PublicKey, Recipe, new_id
from storage.s3.objects import object_store
from storage.s3.uploads import abort_upload, open_upload, presigned_parts
from tests.builder_pod import run_in_builder

OPTIONS = [Option("rounds", 2, 1, "how often both ways run; the median counts")]
MOST = 1.10
LIMIT = timedelta(hours=1)
_PLAN = "upload-plan.json"


def measure(asked: Namespace) -> list[Figure]:
    """Run both ways in turn."""
    ensure_builder_image()
    sample = TINY if asked.small else DEBIAN
    by_hand, by_flow = [], []
    with services(), tempfile.TemporaryDirectory() as scratch, mirror_of([sample], Path(scratch)) as mirror:
        recipe, key = register(sample, mirror), register_key()
        for number in range(1, asked.rounds + 1):
            job_id = new_id()
            with recorded() as pods:
                by_flow.append(flow_seconds(job_id, recipe, key))
            by_hand.append(hand_seconds(job_id, pods))
            show(f"round {number}: flow {by_flow[-1]:.1f} s, by hand {by_hand[-1]:.1f} s")
    ratio = statistics.median(by_flow) / statistics.median(by_hand)
    return [Figure("time of the flow / of the same commands by hand", ratio, AtMost(MOST))]


@contextmanager
def recorded() -> Iterator[list[Pod]]:
    """Give the pods that this process runs meanwhile, as they were asked for."""
    pods: list[Pod] = []
    original = Podman.run

    def note(runtime: Podman, pod: Pod, **others: Any) -> Any:
        pods.append(pod)
        return original(runtime, pod, **others)

    with patch.object(Podman, "run", note):
        yield pods


def flow_seconds(job_id: str, recipe: Recipe, key: PublicKey) -> float:
    """Run the flow and return its wall time."""
    # Imported when the environment is complete.
    from flows.create_image import create_image

    started = time.monotonic()
    create_image(recipe.id, key.id, "bench", build_env_size=10, job_id=job_id)
    return time.monotonic() - started


def hand_seconds(job_id: str, pods: list[Pod]) -> float:
    """Run the commands of a job's pods by hand and return their wall time, without what is made for them beforehand."""
    # Not /tmp, which may be memory: workspaces are on a disk.
    with tempfile.TemporaryDirectory(prefix="ims-bench-", dir="/var/tmp") as workspace:
        return sum(_seconds(pod, Path(workspace), job_id) for pod in pods)


def _seconds(pod: Pod, workspace: Path, job_id: str) -> float:
    limit = int(LIMIT.total_seconds())
    with _plan_again(pod, job_id) as environment:
        started = time.monotonic()
        ran = run_in_builder(
            pod.command, workspace=workspace, environment=environment, image=pod.image, limit_seconds=limit
        )
        seconds = time.monotonic() - started
    if ran.returncode:
        sys.exit(f"the command of pod {pod.name} failed by hand:\n{ran.stdout}")
    return seconds


@contextmanager
def _plan_again(pod: Pod, job_id: str) -> Iterator[dict[str, str]]:
    """Give a pod's environment; in place of the flow's plan it names one of what was packed by hand."""
    plans = [name for name, value in pod.env.items() if _PLAN in value]
    if not plans:
        yield dict(pod.env)
        return
    [variable] = plans
    store, bucket = object_store(), settings().bucket
    # The address that the flow gave the pod for its result is the job's own: the second result replaced the first.
    plan = json.loads(store.read(bucket, job_key(job_id, "package.json"))[0])
    uploads = []
    for artifact in plan["artifacts"]:
        key = f"{job_id}/bench/{artifact['name']}"
        upload = open_upload(store, settings().boot_images_bucket, key, content_type="x/y", metadata={})
        urls = presigned_parts(store, upload, [part["number"] for part in artifact["parts"]], LIMIT)
        for part in artifact["parts"]:
            part["url"] = urls[part["number"]]
        uploads.append(upload)
    key = job_key(job_id, f"bench-{_PLAN}")
    store.write(bucket, key, json.dumps(plan).encode())
    yield {**pod.env, variable: store.presigned_get(bucket, key, LIMIT)}
    for upload in uploads:
        abort_upload(store, upload)


if __name__ == "__main__":
    sys.exit(run(measure, __doc__, OPTIONS))
