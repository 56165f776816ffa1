"""A small image root for tests of what changes one: folders, a static busybox, stand-ins for kernel and initrd."""

import gzip
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.builder.s3_stand_in import StandIn
from tests.builder_pod import run_in_builder
from tests.distribution import fetch_busybox

VERSION = "6.1.0-tiny"
_FOLDERS = ("bin", "boot", "dev", "etc", "proc", "root", "run", "sys", "tmp", "usr/bin", "usr/sbin", "var/tmp")
_LIMIT = 120


@dataclass
class Workspace:
    """A job's workspace with an image root, and the server of its script."""

    folder: Path
    server: StandIn

    @property
    def root(self) -> Path:
        return self.folder / "root"

    def options(self, **options: Any) -> None:
        """Say what the job asks for."""
        (self.folder / "context/step.json").write_text(json.dumps(options))

    def environment(self, files: Mapping[str, str | bytes], entry: str, seconds: int = _LIMIT) -> dict[str, str]:
        """Hand in the folder of a script, and return the environment of its pod."""
        archive = packed(files)
        self.server.objects["/script"] = archive
        return {
            "IMS_SCRIPT_URL": self.server.url("/script"),
            "IMS_SCRIPT_SHA256": hashlib.sha256(archive).hexdigest(),
            "IMS_SCRIPT_ENTRY": entry,
            "IMS_SCRIPT_SECONDS": str(seconds),
            "IMS_JOB_ID": "the-job",
            "IMS_ARCH": "x86_64",
        }

    def run(self, program: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a program to its end in a container of its own."""
        command = ["python3", "-m", f"builder.programs.{program}"]
        return run_in_builder(command, workspace=self.folder, environment=environment)

    def script(self, text: str, seconds: int = _LIMIT) -> subprocess.CompletedProcess[str]:
        """Run a script without anything beside it."""
        return self.run("script", self.environment({"run.sh": text}, "run.sh", seconds))

    def forget(self) -> None:
        """Let the root, as it is now, be that of another job."""
        for name in ("customizing", "customized"):
            (self.folder / name).unlink(missing_ok=True)

    def files(self) -> dict[str, str]:
        """Return all that is in the root: modes and link targets, or digests of what files hold."""
        found = {}
        for path in sorted(self.root.rglob("*")):
            name, mode = str(path.relative_to(self.root)), path.lstat().st_mode
            content = ""
            if path.is_symlink():
                content = str(path.readlink())
            elif path.is_file():
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            found[name] = f"{mode:o} {content}"
        return found


def packed(files: Mapping[str, str | bytes]) -> bytes:
    """Return an archive as a job's script is handed to its pod."""
    body = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=body, mode="wb", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as archive,
    ):
        for name, text in files.items():
            content = text.encode() if isinstance(text, str) else text
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return body.getvalue()


@pytest.fixture(scope="session")
def busybox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A static busybox."""
    folder = tmp_path_factory.mktemp("busybox")
    fetch_busybox(folder)
    yield folder / "busybox"
    shutil.rmtree(folder)


@pytest.fixture
def workspace(tmp_path: Path, server: StandIn, busybox: Path) -> Iterator[Workspace]:
    """A workspace whose root has a busybox for everything, and a kernel and an initrd that do not boot."""
    made = Workspace(tmp_path / "workspace", server)
    for name in _FOLDERS:
        (made.root / name).mkdir(parents=True)
    shutil.copy(busybox, made.root / "bin/busybox")
    listed = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True)
    for applet in set(listed.stdout.split()) - {"busybox"}:
        (made.root / "bin" / applet).symlink_to("busybox")
    (made.root / "etc/motd").write_text("before\n")
    (made.root / "boot/vmlinuz").write_text("kernel")
    (made.root / "boot/initrd").write_text("initrd")
    (made.root / f"lib/modules/{VERSION}").mkdir(parents=True)
    (made.root / f"lib/modules/{VERSION}/modules.dep").touch()
    (made.folder / "context").mkdir()
    (made.folder / "prepared.json").write_text('{"finished": "long ago"}')
    made.options()
    yield made
    assert str(made.folder) not in Path("/proc/self/mountinfo").read_text()
