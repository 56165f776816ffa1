"""What it costs to follow many pods of a cluster at once: threads, memory and processor time of the one process.

The cluster is the tests' fake one, in a process of its own, on which each pod says a line every half a second. Run
`python -m bench.follow_pods [PODS] [SECONDS]`; it needs neither Podman nor a real cluster.
"""

import multiprocessing
import os
import resource
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from multiprocessing.synchronize import Event
from pathlib import Path
from uuid import uuid4

from pods.kubernetes.options import KubernetesOptions
from pods.kubernetes.runtime import Kubernetes
from pods.manifest import Pod
from pods.runtime import Phase
from tests.kubernetes_api import FakeCluster, lives

EVERY_SECONDS = 0.5


def main() -> None:
    """Follow the pods and print what that took."""
    pods = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 20
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        ready, done = context.Event(), context.Event()
        cluster = context.Process(target=serve, args=(Path(folder), int(seconds / EVERY_SECONDS), ready, done))
        cluster.start()
        try:
            ready.wait()
            os.environ["KUBECONFIG"] = str(Path(folder) / "kubeconfig")
            follow(pods, seconds, Path(folder))
        finally:
            done.set()
            cluster.join()


def serve(folder: Path, lines: int, ready: Event, done: Event) -> None:
    """Be the cluster, until it is done."""
    with FakeCluster(folder, default=lives.talks(lines, EVERY_SECONDS)) as cluster:
        cluster.write_kubeconfig(folder / "kubeconfig")
        ready.set()
        done.wait()


def follow(pods: int, seconds: float, folder: Path) -> None:
    """Run as many pods at once."""
    runtime, job = Kubernetes(KubernetesOptions()), str(uuid4())
    steps = [pod(job, number) for number in range(1, pods + 1)]
    lines = [0] * pods
    # The client is made, and what it imports is there.
    runtime.jobs()
    before, memory, began = processor_seconds(), resident_mib(), time.monotonic()

    def run(number: int) -> bool:
        def on_line(_: str) -> None:
            lines[number] += 1

        return runtime.run(steps[number], log=folder / str(number), on_line=on_line).phase is Phase.SUCCEEDED

    with ThreadPoolExecutor(pods) as runners:
        runs = [runners.submit(run, number) for number in range(pods)]
        time.sleep(seconds / 2)
        threads, grown = threading.active_count(), resident_mib() - memory
        succeeded = sum(run.result() for run in runs)
    took, used = time.monotonic() - began, processor_seconds() - before
    print(f"{pods} pods of {seconds:.0f} s followed at once: {succeeded} succeeded, {sum(lines)} lines, {took:.1f} s")
    print(f"threads: {threads} ({threads - pods} besides the flows' own, one a pod)")
    print(f"memory: {grown:.0f} MiB more, {grown * 1024 / pods:.0f} KiB a pod")
    print(f"processor: {used:.1f} s, {100 * used / took:.0f} % of one; {1000 * used / sum(lines):.2f} ms a line")


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
    main()
