"""What the flow costs: its wall time against the same pod commands run by hand, on recipes/debian-minimal.

By hand means `podman run` of the builder's programs, one after the other, with everything they need made beforehand: no
Prefect, no records, no checks. Run as root, `python -m bench.flow [ROUNDS]`; it takes about four minutes a round.
"""

import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from bench.services import services
from builder.image import ensure_builder_image
from builder.mirror import host_mirror
from config.settings import settings
from ingest.packing import pack
from storage.models.records import Link, PublicKey, Recipe, new_id
from storage.records.catalogue import catalogue
from storage.s3.objects import object_store
from storage.s3.uploads import abort_upload, open_upload, presigned_parts

RECIPE = Path(__file__).parent.parent / "recipes" / "debian-minimal"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPWRc+UOO0RNGYP9J9WtKKOUyiMXagbLMp5P2zdifaCv bench"
LIMIT = timedelta(hours=1)


def main() -> None:
    """Run both ways in turn and print their times and the ratio."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    ensure_builder_image()
    with services():
        recipe, key = register()
        by_hand, by_flow = [], []
        for number in range(1, rounds + 1):
            seconds, context = flow_seconds(recipe, key)
            by_flow.append(seconds)
            by_hand.append(hand_seconds(context))
            print(f"round {number}: flow {by_flow[-1]:.1f} s, by hand {by_hand[-1]:.1f} s", flush=True)
    ratio = statistics.median(by_flow) / statistics.median(by_hand)
    print(f"flow / by hand, medians: {ratio:.3f} (wanted: at most 1.10)")


def register() -> tuple[Recipe, PublicKey]:
    """Put the recipe and a key into a fresh catalogue."""
    with tempfile.TemporaryDirectory() as scratch:
        archive = Path(scratch) / "debian-minimal.tgz"
        with archive.open("wb") as file:
            pack(RECIPE, file)
        info = object_store().write_file(settings().bucket, "recipes/bench/debian-minimal.tgz", archive)
    recipe = Recipe(
        name="debian-minimal",
        linux_distribution="debian12",
        link=Link(path=info.uri, etag=info.etag),
        template_dictionary=[{"key": "mirror", "value": host_mirror()}],
    )
    return catalogue().recipes.create(recipe), catalogue().public_keys.create(PublicKey(name="bench", public_key=KEY))


def flow_seconds(recipe: Recipe, key: PublicKey) -> tuple[float, bytes]:
    """Run the flow and return its wall time, and the context archive its pods were given."""
    # Imported when the environment is complete.
    from flows.create_image import create_image

    job_id = new_id()
    started = time.monotonic()
    create_image(recipe.id, key.id, "bench", build_env_size=10, job_id=job_id)
    seconds = time.monotonic() - started
    context, _ = object_store().read(settings().bucket, f"jobs/{job_id}/context.tgz")
    return seconds, context


def hand_seconds(context: bytes) -> float:
    """Run the programs of the pods by hand and return their wall time, without what is made for them beforehand."""
    store, bucket = object_store(), settings().bucket
    name = f"ims-bench-{new_id()}"
    store.write(bucket, f"bench/{name}.tgz", context)
    prepare = {
        "IMS_CONTEXT_URL": store.presigned_get(bucket, f"bench/{name}.tgz", LIMIT),
        "IMS_CONTEXT_SHA256": hashlib.sha256(context).hexdigest(),
    }
    package = {"IMS_RESULT_URL": store.presigned_put(bucket, f"bench/{name}.json", LIMIT)}
    seconds = timed(name, "prepare", prepare) + timed(name, "package", package)
    packed = json.loads(store.read(bucket, f"bench/{name}.json")[0])["artifacts"]
    uploads = {
        artifact["name"]: open_upload(
            store, settings().boot_images_bucket, f"{name}/{artifact['name']}", content_type="x/y", metadata={}
        )
        for artifact in packed
    }
    for artifact in packed:
        numbers = [part["number"] for part in artifact["parts"]]
        urls = presigned_parts(store, uploads[artifact["name"]], numbers, LIMIT)
        for part in artifact["parts"]:
            part["url"] = urls[part["number"]]
    store.write(bucket, f"bench/{name}-plan.json", json.dumps({"artifacts": packed}).encode())
    seconds += timed(name, "upload", {"IMS_PLAN_URL": store.presigned_get(bucket, f"bench/{name}-plan.json", LIMIT)})
    for upload in uploads.values():
        abort_upload(store, upload)
    subprocess.run(["podman", "volume", "rm", name], check=True, capture_output=True)
    return seconds


def timed(volume: str, program: str, environment: Mapping[str, str]) -> float:
    """Run one program in a container and return how long that took, seconds."""
    variables = [f"--env={name}={value}" for name, value in environment.items()]
    command = ["python3", "-m", f"builder.programs.{program}"]
    options = ["--rm", "--privileged", "--network=host", f"--volume={volume}:/workspace", *variables]
    started = time.monotonic()
    subprocess.run(["podman", "run", *options, ensure_builder_image(), *command], check=True, capture_output=True)
    return time.monotonic() - started


if __name__ == "__main__":
    main()
