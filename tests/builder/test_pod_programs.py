"""The programs in the builder image, on the tiny distribution: real kiwi, real packages, real squashfs."""

import gzip
import hashlib
import io
import json
import re
import shutil
import subprocess
import tarfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from builder.image import ensure_builder_image
from ingest.description import Kiwi
from tests.builder.pod.kiwi.test_repository_file import NASTY
from tests.builder.s3_stand_in import StandIn
from tests.builder_pod import run_in_builder, start_options
from tests.distribution import KERNEL_VERSION, TINY_RECIPE

pytestmark = pytest.mark.containers


@dataclass
class Lab:
    """A job's workspace, the server of its context and result, and its description."""

    workspace: Path
    server: StandIn
    description: Path
    step: dict[str, Any]
    image: str = ""

    def stage(self) -> dict[str, str]:
        """Pack the context and return the environment of the prepare pod."""
        packed = io.BytesIO()
        with (
            gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as compressed,
            tarfile.open(fileobj=compressed, mode="w") as archive,
        ):
            archive.add(self.description, "description")
            options = tarfile.TarInfo("step.json")
            body = json.dumps(self.step).encode()
            options.size = len(body)
            archive.addfile(options, io.BytesIO(body))
        self.server.objects["/context"] = packed.getvalue()
        sha256 = hashlib.sha256(packed.getvalue()).hexdigest()
        return {"IMS_CONTEXT_URL": self.server.url("/context"), "IMS_CONTEXT_SHA256": sha256}

    def run(self, program: str, environment: dict[str, str], *before: str) -> subprocess.CompletedProcess[str]:
        """Run a program to its end in a container of its own, by a command before it when one is given."""
        command = [*before, "python3", "-m", f"builder.programs.{program}"]
        return run_in_builder(command, workspace=self.workspace, environment=environment, image=self.image)

    def prepare(self) -> subprocess.CompletedProcess[str]:
        """Run the prepare pod."""
        return self.run("prepare", self.stage())

    def package(self) -> dict[str, Any]:
        """Run the package pod and return the result it handed in."""
        ran = self.run("package", {"IMS_RESULT_URL": self.server.url("/result")})
        assert ran.returncode == 0, ran.stdout
        result: dict[str, Any] = json.loads(self.server.objects["/result"])
        return result

    def edit(self, old: str, new: str) -> None:
        """Change the description."""
        config = self.description / "config.xml"
        text = config.read_text()
        assert old in text
        config.write_text(text.replace(old, new))


@pytest.fixture
def lab(tmp_path: Path, server: StandIn, tiny_repository: str) -> Iterator[Lab]:
    """A job on the tiny recipe."""
    description = tmp_path / "description"
    shutil.copytree(TINY_RECIPE, description)
    workspace = tmp_path / "workspace"
    # As some storage makes a volume.
    workspace.mkdir(mode=0o700)
    made = Lab(workspace, server, description, {"epoch": 1_700_000_000})
    made.edit("{{ repository }}", tiny_repository)
    yield made
    assert str(workspace) not in Path("/proc/self/mountinfo").read_text()
    shutil.rmtree(workspace)


def last_line(ran: subprocess.CompletedProcess[str]) -> str:
    return ran.stdout.splitlines()[-1]


def test_an_image_root_is_built_packaged_and_uploaded(lab: Lab) -> None:
    with (lab.description / "config.sh").open("a") as script:
        script.write("echo console=ttyS0 > /boot/kernel-parameters\n")
    prepared = lab.prepare()
    assert prepared.returncode == 0, prepared.stdout
    root = lab.workspace / "root"
    assert (root / "etc/motd").read_text() == "made by config.sh\n"
    assert not any((root / "dev").glob("vd*"))

    result = lab.package()
    assert result["kernel"] == f"vmlinuz-{KERNEL_VERSION}"
    assert result["notes"] == []
    artifacts = lab.workspace / "artifacts"
    assert [artifact["name"] for artifact in result["artifacts"]] == ["rootfs", "kernel", "initrd", "boot_parameters"]
    for artifact in result["artifacts"]:
        content = (artifacts / artifact["name"]).read_bytes()
        assert artifact["sha256"] == hashlib.sha256(content).hexdigest()
    assert (artifacts / "boot_parameters").read_text() == "console=ttyS0\n"
    assert (artifacts / "initrd").read_bytes() == (root / f"boot/initrd-{KERNEL_VERSION}").read_bytes()

    for artifact in result["artifacts"]:
        for part in artifact["parts"]:
            part["url"] = lab.server.url(f"/{artifact['name']}/{part['number']}")
    lab.server.objects["/plan"] = json.dumps(result).encode()
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    uploaded = lab.run("upload", {"IMS_PLAN_URL": lab.server.url("/plan")}, *nobody)
    assert uploaded.returncode == 0, uploaded.stdout
    assert lab.server.objects["/rootfs/1"] == (artifacts / "rootfs").read_bytes()


def test_the_rootfs_is_the_same_from_the_same_root_and_without_what_kiwi_left_in_it(lab: Lab) -> None:
    (lab.description / "root/etc").mkdir(parents=True)
    (lab.description / "config.sh").write_text(
        "#!/bin/sh\ntouch /tmp/left /run/left; ln /etc/passwd /etc/motd\nmknod /srv/null c 1 3\n"
    )
    lab.prepare()
    first = lab.package()
    (lab.workspace / "artifacts/rootfs.inputs").unlink()
    assert lab.package() == first
    listing = run_in_builder(["unsquashfs", "-lln", "/workspace/artifacts/rootfs"], workspace=lab.workspace).stdout
    dates = re.findall(r" (\d{4}-\d\d-\d\d) \d\d:\d\d squashfs-root", listing)
    assert max(dates) == "2023-11-14", "no file is younger than the epoch"
    names = {line.rpartition("squashfs-root")[2].partition(" ->")[0] for line in listing.splitlines()}
    assert {"/boot/vmlinuz", "/usr/bin/busybox", "/etc/motd", "/tmp", "/run", "/dev"} <= names
    assert not {name for name in names if name.startswith(("/image", "/tmp/", "/run/", "/var/cache/kiwi", "/.profile"))}
    assert any(line.startswith("crw") and line.endswith("/srv/null") for line in listing.splitlines())


def test_a_rootfs_that_is_packed_is_not_packed_again_unless_it_would_differ(lab: Lab) -> None:
    lab.prepare()
    environment = {"IMS_RESULT_URL": lab.server.url("/result")}
    assert "rootfs is packed already" not in lab.run("package", environment).stdout
    assert "rootfs is packed already" in lab.run("package", environment).stdout
    step = lab.workspace / "context/step.json"
    step.write_text(json.dumps({"squashfs": {"compressor": "gzip", "level": 1}}))
    assert "rootfs is packed already" not in lab.run("package", environment).stdout
    told = subprocess.run(["unsquashfs", "-s", lab.workspace / "artifacts/rootfs"], capture_output=True, text=True)
    assert "Compression gzip" in told.stdout


def test_a_root_that_is_ready_is_kept(lab: Lab) -> None:
    lab.prepare()
    (lab.workspace / "root/etc/kept").touch()
    again = lab.prepare()
    assert last_line(again) == "the image root is ready: nothing to do"
    assert (lab.workspace / "root/etc/kept").exists()


def test_a_half_built_root_is_removed_first(lab: Lab) -> None:
    (lab.workspace / "root/etc").mkdir(parents=True)
    (lab.workspace / "root/etc/half").touch()
    ran = lab.prepare()
    assert ran.returncode == 0, ran.stdout
    assert not (lab.workspace / "root/etc/half").exists()


def test_kiwis_error_is_the_last_line_and_its_own_log_stands_before(lab: Lab) -> None:
    lab.edit('name="bash"', 'name="no-such-package"')
    ran = lab.prepare()
    assert ran.returncode == 1
    assert last_line(ran).startswith(
        "error: there is no package no-such-package in the repositories of the description: "
        "kiwi-ng system prepare failed: KiwiBootStrapPhaseFailed: "
    )
    assert ran.stdout.splitlines()[-2].startswith("advice: correct its name")
    assert "--- the last " in ran.stdout
    assert not (lab.workspace / "prepared.json").exists()


def test_a_script_that_fails_is_the_error_with_its_exit_code_and_last_words(lab: Lab) -> None:
    (lab.description / "config.sh").write_text(
        "#!/bin/sh\necho 'asking for a licence'\necho 'no licence for this node' >&2\necho\nexit 3\n"
    )
    ran = lab.prepare()
    assert ran.returncode == 1
    lines = ran.stdout.splitlines()
    assert [line for line in lines if line.startswith("config.sh: ")] == [
        "config.sh: asking for a licence",
        "config.sh: no licence for this node",
        "config.sh: ",
    ]
    assert lines[-2:] == [
        "advice: correct config.sh in the recipe",
        "error: config.sh failed with exit code 3: no licence for this node",
    ]


def test_what_a_script_says_is_shown_and_masked_also_when_it_succeeds_without_a_run_bit(lab: Lab) -> None:
    lab.edit('path="http://', 'path="http://someone:s3cr3t@')
    (lab.description / "config.sh").write_text("echo http://a:s3cr3t@b/; printf 'no line end'; printf '\\303' >&2\n")
    ran = lab.prepare()
    assert ran.returncode == 0, ran.stdout
    said = [line for line in ran.stdout.splitlines() if line.startswith("config.sh: ")]
    assert said == ["config.sh: http://***@b/", "config.sh: no line end\ufffd"]


def test_passwords_in_addresses_are_masked(lab: Lab) -> None:
    lab.edit('path="http://', 'path="http://someone:s3cr3t@')
    ran = lab.prepare()
    assert "s3cr3t" not in ran.stdout
    assert "***@127.0.0.1" in ran.stdout


def test_images_sh_runs_in_the_root_with_the_kernels_file_systems(lab: Lab) -> None:
    (lab.description / "images.sh").write_text(
        "#!/bin/sh\nset -e\ntest -e /proc/self/mounts -a -c /dev/null -a -d /sys/class\necho made > /boot/initrd.new\n"
    )
    ran = lab.prepare()
    assert ran.returncode == 0, ran.stdout
    assert (lab.workspace / "root/boot/initrd.new").read_text() == "made\n"


def test_an_images_sh_that_fails_is_the_error(lab: Lab) -> None:
    (lab.description / "images.sh").write_text("exit 4\n")
    ran = lab.prepare()
    assert (ran.returncode, last_line(ran)) == (1, "error: images.sh failed in the image root with exit code 4")


def test_the_last_lines_of_a_script_are_not_taken_for_the_programs(lab: Lab) -> None:
    (lab.description / "images.sh").write_text("echo 'error: a lie'\necho 'advice: a lie'\nexit 4\n")
    assert lab.prepare().stdout.splitlines()[-2:] == [
        "advice: read the end of its log for what led to it",
        "error: images.sh failed in the image root with exit code 4",
    ]


def test_a_script_that_imitates_kiwis_errors_in_its_warnings_is_shown_and_not_the_error(lab: Lab) -> None:
    (lab.description / "config.sh").write_text("#!/bin/sh\necho '[ ERROR   ]: 1 | a lie' > /image/.warnings\nexit 3\n")
    ran = lab.prepare()
    assert "[ ERROR   ]: 1 | a lie" in ran.stdout.splitlines()
    assert last_line(ran) == "error: config.sh failed with exit code 3: it said nothing"


@pytest.mark.parametrize("manager", ["zypper", "dnf"])
def test_a_build_with_credentials_leaves_none_in_the_workspace_or_the_log(
    lab: Lab, tiny_repository: str, manager: str
) -> None:
    lab.edit(">zypper<", f">{manager}<")
    # A name and a link that our own scripts might have.
    lab.edit("<repository ", '<repository customize="0.sh" ')
    (lab.description / "0.sh").write_text('echo \'# by the recipe\' >> "$1"; cp "$1" /workspace/seen\n')
    (lab.description / "repository-scripts").symlink_to("/workspace")
    (lab.workspace / "password").write_text(NASTY)
    (lab.description / "images.sh").write_text(f"cat <<'END'\nsaid {NASTY}\nEND\n")
    known = [{"url": tiny_repository, "username": "us er", "password": NASTY}]
    lab.server.objects["/credentials"] = json.dumps(known).encode()
    ran = lab.run("prepare", {**lab.stage(), "IMS_CREDENTIALS_URL": lab.server.url("/credentials")})
    assert ran.returncode == 0, ran.stdout
    assert "said ***" in ran.stdout
    assert "# by the recipe" in (lab.workspace / "seen").read_text()
    secrets = [NASTY.encode(), quote(NASTY, safe="").encode()]
    assert not any(secret.decode() in ran.stdout for secret in secrets)
    files = [file for file in lab.workspace.rglob("*") if file.is_file() and not file.is_symlink()]
    holding = {file.name for file in files if any(secret in file.read_bytes() for secret in secrets)}
    # What we have put there ourselves, in the description and its copy in the root.
    assert holding == {"password", "images.sh"}


def test_a_repository_at_an_address_that_is_not_allowed_is_not_asked_by_kiwi(lab: Lab) -> None:
    ran = lab.run("prepare", {**lab.stage(), "IMS_PRIVATE_REPOSITORIES": "no"})
    assert ran.returncode == 1
    assert "an address of the host itself: repositories are read from there only with IMS_REP" in last_line(ran)


def test_an_initrd_that_no_script_made_is_made_by_the_kernels_hooks_held_back_during_an_apt_build(lab: Lab) -> None:
    lab.edit('    <package name="tiny-kernel"/>\n', "")
    lab.prepare()
    root = lab.workspace / "root"
    (root / "boot/vmlinuz-6.1.0").write_text("kernel")
    hook = root / "etc/kernel/postinst.d/initrd"
    hook.parent.mkdir(parents=True)
    hook.write_text('#!/bin/sh\n[ "$DEB_MAINT_PARAMS" = configure ] && echo "of $2" > /boot/initrd.img-$1\n')
    hook.chmod(0o755)
    make = (
        "from pathlib import Path; from builder.pod.kiwi.image_scripts import make_missing_initrd; "
        "make_missing_initrd(Path('/workspace/root'))"
    )
    ran = run_in_builder(["python3", "-c", make], workspace=lab.workspace)
    assert ran.stdout == "running the kernel's installation hooks in the image root\n"
    assert (root / "boot/initrd.img-6.1.0").read_text() == "of /boot/vmlinuz-6.1.0\n"
    assert run_in_builder(["python3", "-c", make], workspace=lab.workspace).stdout == ""


def test_a_description_that_is_not_xml_is_the_error(lab: Lab) -> None:
    lab.edit("</image>", "")
    ran = lab.prepare()
    assert ran.returncode == 1
    assert last_line(ran).startswith("error: config.xml cannot be read: no element found: line ")


@pytest.mark.parametrize("kiwi", [9, 11])
def test_an_overlay_keeps_the_links_of_the_root_and_closes_none_of_its_folders(lab: Lab, kiwi: Kiwi) -> None:
    """As the field's recipes have it (kiwi's issues 2176 and 557): root/lib for a merged /usr, made with umask 077."""
    lab.image = ensure_builder_image(kiwi)
    if kiwi == 11:
        lab.edit('schemaversion="6.8"', 'schemaversion="8.0"')
    overlay = lab.description / "root"
    (overlay / "lib/systemd/system").mkdir(parents=True)
    (overlay / "lib/systemd/system/site.service").write_text("[Unit]\n")
    (overlay / "etc").mkdir(exist_ok=True)
    for place in ("", "etc"):
        (overlay / place).chmod(0o700)
    ran = lab.prepare()
    assert ran.returncode == 0, ran.stdout
    root = lab.workspace / "root"
    assert (str((root / "lib").readlink()), (root / "usr/lib/systemd/system/site.service").is_file()) == (
        "usr/lib",
        True,
    )
    assert [(root / place).stat().st_mode & 0o777 for place in ("", "etc")] == [0o755, 0o755]
    assert "warning: the overlay's /lib goes to /usr/lib, where the image's link leads" in ran.stdout
    assert "warning: the overlay would have closed /, /etc to all but root" in ran.stdout
    assert "are not known" not in ran.stdout, (
        "the image has no rpm of its own: the links of its packages are asked later"
    )


def test_another_architecture_is_refused(lab: Lab) -> None:
    lab.step["arch"] = "aarch64"
    assert last_line(lab.prepare()) == "error: the image is for aarch64, and this machine is x86_64"


def test_an_expired_context_may_be_tried_again(lab: Lab) -> None:
    lab.server.faults["/context"] = ["403"]
    ran = lab.prepare()
    assert ran.returncode == 75
    assert "has expired" in last_line(ran)


def test_a_root_without_a_kernel_is_the_error(lab: Lab) -> None:
    lab.edit('    <package name="tiny-kernel"/>\n', "")
    lab.prepare()
    ran = lab.run("package", {"IMS_RESULT_URL": lab.server.url("/result")})
    assert ran.returncode == 1
    assert last_line(ran) == "error: the image root has no kernel: there is no /boot/vmlinuz; /boot holds nothing"


def test_a_full_disk_is_named_and_leaves_no_rootfs(lab: Lab) -> None:
    lab.prepare()
    environment = {"IMS_RESULT_URL": lab.server.url("/result")}
    artifacts = lab.workspace / "artifacts"
    artifacts.mkdir()
    small = "mount -t tmpfs -o size=5700k small /workspace/artifacts && exec python3 -m builder.programs.package"
    ran = run_in_builder(["sh", "-c", small], workspace=lab.workspace, environment=environment)
    assert ran.returncode == 1
    assert "No space left on device" in last_line(ran)
    assert "/result" not in lab.server.objects


def test_packaging_before_preparing_is_the_error(lab: Lab) -> None:
    ran = lab.run("package", {"IMS_RESULT_URL": lab.server.url("/result")})
    assert (ran.returncode, last_line(ran)) == (1, "error: the workspace holds no finished image root")


def test_sigterm_ends_a_build_at_once_with_nothing_mounted_and_the_next_attempt_succeeds(lab: Lab) -> None:
    script = lab.description / "config.sh"
    script.write_text("#!/bin/sh\ntest -e /etc/second || { echo waiting > /etc/motd; sleep 600; }\n")
    environment = [f"--env={name}={value}" for name, value in lab.stage().items()]
    name = f"ims-test-builder-{uuid.uuid4().hex[:12]}"
    # The shell outlives the program, and shows what is still mounted.
    watch = "python3 -m builder.programs.prepare & trap 'kill $!' TERM; wait; wait $!; echo $?; cat /proc/mounts"
    pod = subprocess.Popen(
        ["podman", *start_options(name, lab.workspace), *environment, ensure_builder_image(), "sh", "-c", watch],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    motd = lab.workspace / "root/etc/motd"
    try:
        deadline = time.monotonic() + 60
        while not motd.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        began = time.monotonic()
        subprocess.run(["podman", "kill", "--signal=TERM", name], check=True, capture_output=True)
        said, _ = pod.communicate(timeout=30)
    finally:
        subprocess.run(["podman", "kill", name], check=False, capture_output=True)
        pod.wait()
    assert time.monotonic() - began < 9
    assert "error: ended from outside\n143\n" in said
    assert "/workspace/root" not in said.partition("\n143\n")[2]

    script.write_text("#!/bin/sh\n")
    assert lab.prepare().returncode == 0
