"""Runners in processes of their own: what is killed in tests must not be the tests."""

import signal
import subprocess
import sys
from pathlib import Path

from pods.manifest import Pod
from tests.pods.under_test import UnderTest
from tests.repository import REPOSITORY

RUNNER = """
import sys
from pathlib import Path
from pods.kubernetes.runtime import Kubernetes
from pods.kubernetes.options import KubernetesOptions
from pods.manifest import Pod
from pods.podman.runtime import Podman

pod = Pod.model_validate_json(sys.argv[1])
eval(sys.argv[2]).run(pod, log=Path(sys.argv[3]), on_line=lambda line: print(line, flush=True))
"""


def start_runner(pod: Pod, tested: UnderTest, log: Path) -> "subprocess.Popen[str]":
    """Run a pod in a process of its own, and return once the pod has printed its first line."""
    runner = subprocess.Popen(
        [sys.executable, "-c", RUNNER, pod.model_dump_json(), tested.expression, str(log)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert runner.stdout is not None
    assert runner.stdout.readline() == "started\n"
    return runner


def kill(runner: "subprocess.Popen[str]", number: signal.Signals = signal.SIGKILL) -> None:
    with runner:
        runner.send_signal(number)
        runner.wait(10)
