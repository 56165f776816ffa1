"""An image with a shell and a few programs, made of this host's own, without any download."""

import io
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

PROGRAMS = ("cat", "dd", "env", "mknod", "od", "seq", "sh", "sleep", "timeout", "true")


@pytest.fixture(scope="session")
def image() -> Iterator[str]:
    """The image's name; the image is this process's own."""
    name = f"localhost/ims-test-shell:{os.getpid()}"
    subprocess.run(
        ["podman", "import", "--quiet", "--change", "ENV PATH=/bin", "-", name],
        input=_tools(),
        check=True,
        capture_output=True,
    )
    yield name
    subprocess.run(["podman", "rmi", name], check=True, capture_output=True)


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
