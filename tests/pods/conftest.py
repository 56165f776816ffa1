"""A small image of the host's own programs, and Podman as the flows use it."""

import io
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from pods.manifest import Claim, Pod
from pods.podman import Podman

PROGRAMS = ("cat", "dd", "env", "mknod", "seq", "sh", "sleep", "timeout", "true")


@pytest.fixture(scope="session")
def image() -> Iterator[str]:
    """An image with a shell and a few programs, made without any download."""
    name = f"localhost/ims-test-shell:{os.getpid()}"
    subprocess.run(
        ["podman", "import", "--quiet", "--change", "ENV PATH=/bin", "-", name],
        input=_tools(),
        check=True,
        capture_output=True,
        timeout=120,
    )
    yield name
    subprocess.run(["podman", "rmi", name], check=True, capture_output=True, timeout=120)


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def podman(state_dir: Path) -> Podman:
    return Podman(state_dir)


@pytest.fixture
def job(podman: Podman) -> Iterator[str]:
    """A job's id; what it leaves is removed."""
    job_id = str(uuid4())
    yield job_id
    podman.remove(job_id)


@pytest.fixture
def claim(podman: Podman, job: str) -> str:
    """The name of the job's claim."""
    claim = Claim(job_id=job, size_gib=1)
    podman.create_claim(claim)
    return claim.name


@pytest.fixture
def pod(image: str, job: str) -> Callable[..., Pod]:
    """Make a pod of the job that runs a shell script."""

    def make(script: str, **changes: Any) -> Pod:
        fields: dict[str, Any] = {
            "job_id": job,
            "step": "test",
            "image": image,
            "command": ["sh", "-c", script],
            "memory_gib": 1,
            "deadline": timedelta(minutes=2),
        }
        return Pod.model_validate(fields | changes)

    return make


def _tools() -> bytes:
    """Return the archive of a root folder with the programs and the libraries that they load."""
    programs = [Path(found) for name in PROGRAMS if (found := shutil.which(name))]
    listing = subprocess.run(["ldd", *map(str, programs)], check=True, capture_output=True, text=True).stdout
    libraries = {Path(name) for name in re.findall(r"(/\S+) \(0x", listing)}
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", dereference=True) as tar:
        for program in programs:
            tar.add(program.resolve(), f"bin/{program.name}")
        for library in libraries:
            tar.add(library, str(library))
        for folder in ("etc", "tmp"):
            entry = tarfile.TarInfo(folder)
            entry.type = tarfile.DIRTYPE
            entry.mode = 0o755
            tar.addfile(entry)
    return archive.getvalue()
