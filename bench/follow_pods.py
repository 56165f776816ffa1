"""What it costs to follow many pods of a cluster at once: threads, memory and processor time of the one process.

The alternative is what the examples of the official client do: a thread for each pod's log and one for its watch. Both
follow as many pods of the tests' fake cluster, each way in a process of its own; each pod says a line every half a
second. `python -m bench.follow_pods` needs neither Podman nor a real cluster.
"""

import json
import multiprocessing
import os
import resource
import sys
import tempfile
import threading
import time
from argparse import Namespace
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any
from uuid import uuid4

from kubernetes import client, config, watch

from bench.report import AtMost, Figure, Option, run, show
from pods.kubernetes.options import KubernetesOptions
from pods.kubernetes.runtime import Kubernetes
from pods.manifest import Pod, pod_manifest
from pods.runtime import Phase
from tests.kubernetes_api import FakeCluster, lives

OPTIONS = [Option("pods", 100, 4, "how many pods"), Option("seconds", 20, 2, "how long each runs")]
EVERY_SECONDS = 0.5
# Flows give a thread to each pod anyway.
MOST_THREADS = 1.0
MOST_MEMORY, MOST_PROCESSOR = 1.0, 1.2
_CONTEXT = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Cost:
    """What following took.

    Attributes:
        succeeded: How many pods were seen to succeed.
        lines: How many lines they said.
        threads: How many threads the process had meanwhile.
        mebibytes: How much more memory it had.
        processor_seconds: The processor's time that it took.
    """

    succeeded: int
    lines: int
    threads: int
    mebibytes: float
    processor_seconds: float


Follow = Callable[[Pod, Path, Callable[[str], None]], bool]


def measure(asked: Namespace) -> list[Figure]:
    """Follow the pods both ways, one after the other."""
    ours, theirs = (cost(way, asked.pods, asked.seconds) for way in ("ours", "theirs"))
    for name, each in (("this project", ours), ("two threads a pod", theirs)):
        show(
            f"{name}: {each.succeeded} of {asked.pods} pods succeeded, {each.lines} lines, {each.threads} threads, "
            f"{each.mebibytes:.0f} MiB more, {each.processor_seconds:.1f} s of a processor"
        )
    missed = 2 * asked.pods - ours.succeeded - theirs.succeeded
    lost = 2 * asked.pods * int(asked.seconds / EVERY_SECONDS) - ours.lines - theirs.lines
    return [
        Figure("pods not seen to succeed", missed, AtMost(0), at_any_size=True),
        Figure("lines lost", lost, AtMost(0), at_any_size=True),
        Figure("threads, ours / two a pod", ours.threads / theirs.threads, AtMost(MOST_THREADS)),
        Figure("memory, ours / two threads a pod", ours.mebibytes / theirs.mebibytes, AtMost(MOST_MEMORY)),
        Figure(
            "processor, ours / two threads a pod",
            ours.processor_seconds / theirs.processor_seconds,
            AtMost(MOST_PROCESSOR),
        ),
    ]


def cost(way: str, pods: int, seconds: float) -> Cost:
    """Return what one way costs, in a process of its own beside a cluster of its own."""
    with tempfile.TemporaryDirectory() as folder:
        ready, done, costs = _CONTEXT.Event(), _CONTEXT.Event(), _CONTEXT.SimpleQueue()
        cluster = _CONTEXT.Process(target=serve, args=(Path(folder), int(seconds / EVERY_SECONDS), ready, done))
        cluster.start()
        try:
            ready.wait()
            following = _CONTEXT.Process(target=follow, args=(way, pods, seconds, Path(folder), costs))
            following.start()
            following.join()
            if following.exitcode:
                sys.exit(f"following failed: exit code {following.exitcode}")
            found: Cost = costs.get()
            return found
        finally:
            done.set()
            cluster.join()


def serve(folder: Path, lines: int, ready: Event, done: Event) -> None:
    """Be the cluster, until it is done."""
    with FakeCluster(folder, default=lives.talks(lines, EVERY_SECONDS)) as cluster:
        cluster.write_kubeconfig(folder / "kubeconfig")
        ready.set()
        done.wait()


def follow(way: str, pods: int, seconds: float, folder: Path, costs: "multiprocessing.SimpleQueue[Cost]") -> None:
    """Run as many pods at once, and put what that took into the queue."""
    os.environ["KUBECONFIG"] = str(folder / "kubeconfig")
    one = ours() if way == "ours" else theirs()
    job = str(uuid4())
    lines = [0] * pods
    before, memory = processor_seconds(), resident_mib()

    def run_one(number: int) -> bool:
        def on_line(_: str) -> None:
            lines[number] += 1

        return one(pod(job, number + 1), folder / str(number), on_line)

    with ThreadPoolExecutor(pods) as runners:
        runs = [runners.submit(run_one, number) for number in range(pods)]
        time.sleep(seconds / 2)
        threads, grown = threading.active_count(), resident_mib() - memory
        succeeded = sum(each.result() for each in runs)
    costs.put(Cost(succeeded, sum(lines), threads, grown, processor_seconds() - before))


def ours() -> Follow:
    """Return this project's way, its client made."""
    runtime = Kubernetes(KubernetesOptions())
    runtime.jobs()

    def one(pod: Pod, log: Path, on_line: Callable[[str], None]) -> bool:
        return runtime.run(pod, log=log, on_line=on_line).phase is Phase.SUCCEEDED

    return one


def theirs() -> Follow:
    """Return the way of the official client's examples, its client made."""
    configuration = client.Configuration()
    load: Any = config.load_kube_config
    load(os.environ["KUBECONFIG"], client_configuration=configuration)
    # A connection for each request that is open: two a pod.
    configuration.connection_pool_maxsize = 1000
    # Its types know no raw answers.
    core: Any = client.CoreV1Api(client.ApiClient(configuration))
    lines: Any = watch.Watch
    core.list_namespaced_pod("default")

    def end(name: str) -> str:
        """Watch a pod to its end, and return its last phase."""
        # Unparsed: the fake cluster leaves out of a pod's status what this project does not read.
        found = core.list_namespaced_pod("default", field_selector=f"metadata.name={name}", _preload_content=False)
        version = json.loads(found.data)["metadata"]["resourceVersion"]
        events = core.list_namespaced_pod(
            "default",
            field_selector=f"metadata.name={name}",
            resource_version=version,
            watch=True,
            timeout_seconds=600,
            _preload_content=False,
        )
        for line in events.stream(None):
            for event in line.splitlines():
                # A bookmark has no status.
                phase = json.loads(event)["object"].get("status", {}).get("phase")
                if phase in {"Succeeded", "Failed"}:
                    return str(phase)
        return ""

    def one(pod: Pod, log: Path, on_line: Callable[[str], None]) -> bool:
        core.create_namespaced_pod("default", pod_manifest(pod), _preload_content=False)
        ended: list[str] = []
        watching = threading.Thread(target=lambda: ended.append(end(pod.name)))
        watching.start()
        while _is_pending(core.read_namespaced_pod(pod.name, "default", _preload_content=False).data):
            time.sleep(0.1)
        with log.open("w") as file:
            for line in lines().stream(core.read_namespaced_pod_log, pod.name, "default", follow=True):
                file.write(f"{line}\n")
                on_line(line)
        watching.join()
        return ended == ["Succeeded"]

    return one


def _is_pending(body: bytes) -> bool:
    return bool(json.loads(body)["status"]["phase"] == "Pending")


def pod(job: str, number: int) -> Pod:
    """Return one of the pods."""
    limit = timedelta(hours=1)
    return Pod(job_id=job, step="bench", attempt=number, image="x", command=["true"], memory_gib=1, deadline=limit)


def processor_seconds() -> float:
    """Return the processor time of this process so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def resident_mib() -> float:
    """Return the memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / (1 << 20)


if __name__ == "__main__":
    sys.exit(run(measure, __doc__, OPTIONS))
