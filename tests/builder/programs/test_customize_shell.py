"""builder/programs/customize_shell.py in the builder image: a shell whose rootfs is downloaded while it is open."""

import hashlib
import io
import json
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

from tests.builder.s3_stand_in import StandIn
from tests.builder_pod import run_in_builder

pytestmark = pytest.mark.containers

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPWRc+UOO0RNGYP9J9WtKKOUyiMXagbLMp5P2zdifaCv test"


@pytest.fixture
def environment(server: StandIn, tiny_rootfs: Path) -> dict[str, str]:
    """The input of the pod; an order to complete the shell is there already."""
    rootfs, context = (tiny_rootfs / "rootfs").read_bytes(), archive({"step.json": b"{}"})
    orders = {"until": time.time() + 600, "order": {"id": "1", "operation": "complete"}}
    server.objects |= {"/rootfs": rootfs, "/context": context, "/orders": json.dumps(orders).encode()}
    return {
        "IMS_CONTEXT_URL": server.url("/context"),
        "IMS_CONTEXT_SHA256": hashlib.sha256(context).hexdigest(),
        "IMS_ROOTFS_URL": server.url("/rootfs"),
        "IMS_ROOTFS_SIZE": str(len(rootfs)),
        "IMS_ROOTFS_CHECKSUM": f"sha256:{hashlib.sha256(rootfs).hexdigest()}",
        "IMS_PUBLIC_KEY": KEY,
        "IMS_SSH_ADDRESS": "127.0.0.1",
        "IMS_SHELL_SECONDS": "60",
        "IMS_SHELL_IDLE_SECONDS": "60",
        "IMS_SHELL_ORDERS_URL": server.url("/orders"),
    }


def archive(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def run(workspace: Path, environment: dict[str, str]) -> tuple[int, list[str]]:
    command = ["python3", "-m", "builder.programs.customize_shell"]
    done = run_in_builder(command, workspace=workspace, environment=environment, limit_seconds=60)
    return done.returncode, done.stdout.splitlines()


def test_a_shell_that_was_completed_is_not_opened_again(tmp_path: Path, environment: dict[str, str]) -> None:
    code, said = run(tmp_path, environment)
    assert (code, [line for line in said if line.startswith("shell ready")] != []) == (0, True), said
    (tmp_path / "prepared.json").unlink()
    (tmp_path / "rootfs").unlink()
    code, said = run(tmp_path, environment)
    assert code == 0, said
    assert "the shell was completed before: it is not opened again" in said
    assert not any(line.startswith("shell ready") for line in said)
    assert (tmp_path / "rootfs").read_bytes() != b""
    assert json.loads((tmp_path / "prepared.json").read_text())["rootfs_size"] == environment["IMS_ROOTFS_SIZE"]


def test_the_next_pod_takes_the_rootfs_that_is_there(
    tmp_path: Path, environment: dict[str, str], server: StandIn
) -> None:
    """The first one is cut off when its rootfs was whole: S3 need not have it after that."""
    code, said = run(tmp_path, environment)
    assert code == 0, said
    (tmp_path / "prepared.json").unlink()
    (tmp_path / "shell-completed").unlink()
    (tmp_path / "shell/last-order").unlink()
    del server.objects["/rootfs"]
    code, said = run(tmp_path, environment)
    assert (code, [line for line in said if line.startswith("shell ready")] != []) == (0, True), said
    assert (tmp_path / "prepared.json").exists()


def test_changes_of_one_rootfs_are_not_put_onto_another(tmp_path: Path, environment: dict[str, str]) -> None:
    assert run(tmp_path, environment)[0] == 0
    for name in ("prepared.json", "rootfs"):
        (tmp_path / name).unlink()
    code, said = run(tmp_path, environment | {"IMS_ROOTFS_CHECKSUM": "md5:0123"})
    assert (code, said[-1]) == (1, "error: the image's rootfs is not the one that this job began to change")


def test_a_user_list_that_is_no_file_does_not_block_the_shell(
    tmp_path: Path, environment: dict[str, str], server: StandIn
) -> None:
    make = "mkdir -p root/etc root/usr root/tmp root/dev root/proc root/sys root/boot && mkfifo root/etc/passwd"
    make += " && echo k > root/boot/vmlinuz && echo i > root/boot/initrd"
    make += " && echo x > root/init && chmod 755 root/init && mksquashfs root other -quiet -no-progress"
    made = run_in_builder(["sh", "-c", f"cd /workspace && {make}"], workspace=tmp_path)
    assert made.returncode == 0, made.stdout
    server.objects["/rootfs"] = (tmp_path / "other").read_bytes()
    subprocess.run(["rm", "-r", tmp_path / "root"], check=True)
    size = str(len(server.objects["/rootfs"]))
    asked = environment | {"IMS_ROOTFS_SIZE": size, "IMS_ROOTFS_CHECKSUM": "", "IMS_JAIL": "yes"}
    code, said = run(tmp_path, asked)
    assert (code, [line for line in said if line.startswith("shell ready")] != []) == (0, True), said


def test_a_rootfs_that_turns_out_to_be_another_ends_the_shell(
    tmp_path: Path, environment: dict[str, str], server: StandIn
) -> None:
    server.objects["/orders"] = json.dumps({"until": time.time() + 600}).encode()
    code, said = run(tmp_path, environment | {"IMS_ROOTFS_CHECKSUM": "md5:0123"})
    assert code == 1
    assert (
        said[-1] == "error: the downloaded rootfs has another md5 than it should: the shell was open on a broken root"
    )
    assert not (tmp_path / "prepared.json").exists()


def test_what_is_no_image_root_is_refused(tmp_path: Path, environment: dict[str, str], server: StandIn) -> None:
    (tmp_path / "root/opt").mkdir(parents=True)
    made = run_in_builder(["mksquashfs", "root", "other", "-quiet", "-no-progress"], workspace=tmp_path)
    assert made.returncode == 0, made.stdout
    server.objects["/rootfs"] = (tmp_path / "other").read_bytes()
    size = str(len(server.objects["/rootfs"]))
    code, said = run(tmp_path, environment | {"IMS_ROOTFS_SIZE": size, "IMS_ROOTFS_CHECKSUM": ""})
    assert (code, said[-1]) == (1, "error: the rootfs is not an image root: it has no /etc and no /usr")
