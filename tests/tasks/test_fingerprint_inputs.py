"""tasks/fingerprint_inputs.py: no kind of change is missed, and nothing else is a change."""

import dataclasses
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from builder.contract.options import KiwiOptions, Options, Squashfs
from config.site import SiteRepository
from ingest.packing import pack_files
from storage.models.fingerprint import Fingerprint
from storage.models.jobs import Job, JobType
from storage.models.records import Image
from storage.s3.object_info import ObjectInfo
from tasks.ca_rpm import CaRpm
from tasks.contexts import STEP, pack_description
from tasks.fingerprint_inputs import (
    of_change,
    parts_of,
)
from tasks.originals import Original
from tasks.scripts import Script, script_archive
from tests.tasks.builds import CANARY, Build, job

SCRIPT = Script("script", "k", "s", "run.sh")


def swap_links(build: Build) -> None:
    build.file("root/etc/link").unlink()
    build.file("root/etc/link").symlink_to("other")


def file_for_link(build: Build) -> None:
    build.file("root/etc/link").unlink()
    build.file("root/etc/link").write_text("hello")


def file_for_folder(build: Build) -> None:
    mode = build.file("root/srv").stat().st_mode & 0o777
    build.file("root/srv").rmdir()
    build.file("root/srv").touch()
    build.file("root/srv").chmod(mode)


REPOSITORY = SiteRepository(url="https://site.example.org/")
# What is changed, and the inputs that are named for it.
CHANGES: dict[str, tuple[Callable[[Build], object], list[str]]] = {
    "the description": (lambda b: b.file("config.xml").write_text("<image />"), ["config.xml"]),
    "a script": (lambda b: b.file("config.sh").write_text("false"), ["config.sh"]),
    "a new script": (lambda b: b.file("images.sh").write_text("true"), ["images.sh"]),
    "a file of the overlay": (lambda b: b.file("root/etc/motd").write_text("bye"), ["root/etc/motd"]),
    "a file's mode": (lambda b: b.file("root/etc/motd").chmod(0o600), ["root/etc/motd"]),
    "a script's run bit": (lambda b: b.file("config.sh").chmod(0o755), ["config.sh"]),
    "a file's setuid bit": (lambda b: b.file("root/etc/motd").chmod(0o4644), ["root/etc/motd"]),
    "a folder's mode": (lambda b: b.file("root/srv").chmod(0o700), ["root/srv"]),
    "a file less": (lambda b: b.file("root/etc/motd").unlink(), ["root/etc/motd"]),
    "a folder less": (lambda b: b.file("root/srv").rmdir(), ["root/srv"]),
    "a folder more": (lambda b: b.file("root/opt").mkdir(), ["root/opt"]),
    "another name": (lambda b: b.file("config.sh").rename(b.file("x.sh")), ["config.sh", "x.sh"]),
    "another target of a link": (swap_links, ["root/etc/link"]),
    "a file in place of a link": (file_for_link, ["root/etc/link"]),
    "a file in place of a folder": (file_for_folder, ["root/srv"]),
    "a certificate": (lambda b: b.configured(ca_certificates=["a", "c"]), ["site CA"]),
    "no certificate": (lambda b: b.configured(ca_certificates=[]), ["site CA"]),
    "the spec of the CA's RPM": (lambda b: setattr(b, "ca_rpm", CaRpm("another", {"a.pem": "a"})), ["site CA"]),
    "no RPM of the CA": (lambda b: setattr(b, "ca_rpm", None), ["site CA"]),
    "a signing key": (lambda b: b.configured(signing_keys=[b"one", b"three"]), ["signing keys"]),
    "the order of signing keys": (lambda b: b.configured(signing_keys=[b"two", b"one"]), ["signing keys"]),
    "the configuration of kiwi": (lambda b: b.configured(runtime="kiwi: {x: y}"), ["kiwi configuration"]),
    "the profiles": (lambda b: b.configured(profiles=["gpu"]), ["option profiles"]),
    "the package manager": (lambda b: b.configured(package_manager="dnf"), ["option package_manager"]),
    "a repository of the site": (
        lambda b: b.configured(site_repositories=[REPOSITORY]),
        ["option site_repositories"],
    ),
    "replacing repositories": (lambda b: b.configured(replace_repositories=True), ["option replace_repositories"]),
    "the architecture": (lambda b: b.asked(arch="aarch64"), ["option arch"]),
    "the kernel's name": (lambda b: b.asked(kernel_file_name="bzImage"), ["option kernel_file_name"]),
    "the initrd's name": (lambda b: b.asked(initrd_file_name="i"), ["option initrd_file_name"]),
    "the name of kernel parameters": (
        lambda b: b.asked(kernel_parameters_file_name="p"),
        ["option kernel_parameters_file_name"],
    ),
    "how the rootfs is packed": (lambda b: b.set("IMS_SQUASHFS_COMPRESSOR", "xz"), ["option squashfs"]),
    "how hard the rootfs is packed": (lambda b: b.set("IMS_SQUASHFS_LEVEL", "9"), ["option squashfs"]),
    "how a kernel is chosen": (lambda b: b.set("IMS_KERNEL_CHOICE", "named"), ["option kernel_choice"]),
    "the weight of a finding": (lambda b: b.set("IMS_FINDINGS", "machine-id=error"), ["option weights"]),
    "the metadata of a repository": (
        lambda b: setattr(b, "metadata", [("repository http://h/r", "2")]),
        ["repository http://h/r"],
    ),
    "a repository whose metadata is not known": (
        lambda b: setattr(b, "metadata", [("repository http://h/r", "")]),
        ["repository http://h/r"],
    ),
    "a repository less": (lambda b: setattr(b, "metadata", []), ["repository http://h/r"]),
    "the builder image": (lambda b: setattr(b, "builder", "localhost/ims-builder:2"), ["builder image"]),
}


@pytest.mark.parametrize(("change", "named"), CHANGES.values(), ids=CHANGES)
def test_each_kind_of_change_is_found_and_named(
    build: Build, change: Callable[[Build], object], named: list[str]
) -> None:
    before = build.fingerprint()
    change(build)
    assert [name for name in build.fingerprint().changes_since(before) if name not in {"root", "root/etc"}] == named


UNSEEN: dict[str, Callable[[Build], object]] = {
    "the time of the job": lambda b: b.asked(created=b.job.created + timedelta(days=1)),
    "the time of a file": lambda b: b.file("config.sh").touch(),
    "the size of the workspace": lambda b: b.asked(build_env_size=7, job_mem_size=7),
    "a password": lambda b: b.configured(
        repositories=[each.model_copy(update={"password": "x"}) for each in b.configuration.repositories]
    ),
}


@pytest.mark.parametrize("change", UNSEEN.values(), ids=UNSEEN)
def test_what_no_image_is_made_of_changes_nothing(build: Build, change: Callable[[Build], object]) -> None:
    before = build.fingerprint()
    change(build)
    assert build.fingerprint() == before


def test_no_secret_is_in_it(build: Build) -> None:
    assert build.configuration.credentials
    assert CANARY.encode() not in build.fingerprint().body


def test_everything_in_the_pods_archive_is_in_it(build: Build) -> None:
    """What a later release puts into the archive is an input without a line of code."""
    packed = io.BytesIO()
    pack_description(packed, build.configuration, {"something/new": b"x"}, build.job)
    packed.seek(0)
    assert "something/new" in dict(parts_of(packed))
    one, other = (Fingerprint.of(parts_of(io.BytesIO(pack_files({f"ca/{name}": b"x"})))) for name in "ab")
    assert other.changes_since(one) == ["site CA"]


# Values that differ from the defaults of fields, by their types.
OTHER_VALUES: dict[Any, Any] = {
    str: "another",
    int: 7,
    bool: True,
    tuple[str, ...]: ("another",),
    tuple[dict[str, Any], ...]: ({"url": "another"},),
    dict[str, str]: {"another": "value"},
    Squashfs: Squashfs(level=9),
}


@pytest.mark.parametrize(
    ("kind", "field"),
    [(kind, field) for kind in (Options, KiwiOptions) for field in dataclasses.fields(kind) if field.name != "kiwi"],
    ids=lambda value: getattr(value, "name", ""),
)
def test_every_option_of_the_pods_is_an_input_but_the_time_of_the_job(
    kind: type, field: "dataclasses.Field[Any]"
) -> None:
    plain = Options(kiwi=KiwiOptions())
    changed = {field.name: OTHER_VALUES[field.type]}
    other = replace(plain, **changed) if kind is Options else replace(plain, kiwi=KiwiOptions(**changed))
    before, after = (
        Fingerprint.of(parts_of(io.BytesIO(pack_files({STEP: options.to_json()})))) for options in (plain, other)
    )
    assert after.changes_since(before) == ([] if field.name == "epoch" else [f"option {field.name}"])


@dataclass
class Change:
    """A script, and the image that it changes."""

    job: Job
    script: Script = SCRIPT
    size: int = 1
    etag: str = "e"
    checksum: str = "md5:1"
    parameters: bytes = b"console=ttyS0"
    builder: str = "localhost/ims-builder:1"
    files: dict[str, bytes] = dataclasses.field(default_factory=lambda: {"run.sh": b"true", "roles/a": b"x"})

    def fingerprint(self) -> Fingerprint:
        rootfs = ObjectInfo("b", "k", self.size, self.etag, {}, "", datetime.now(UTC))
        script_archive(self.job).write_bytes(pack_files(self.files))
        original = Original(Image(name="x"), rootfs, self.checksum, self.parameters)
        return of_change(original, self.script, self.builder, self.job)


CHANGES_OF_AN_IMAGE: dict[str, tuple[dict[str, Any], list[str]]] = {
    "the script": ({"files": {"run.sh": b"false", "roles/a": b"x"}}, ["script run.sh"]),
    "a file beside it": ({"files": {"run.sh": b"true", "roles/a": b"y"}}, ["script roles/a"]),
    "a file less": ({"files": {"run.sh": b"true"}}, ["script roles/a"]),
    "where it begins": ({"script": Script("script", "k", "s", "roles/a")}, ["script entry"]),
    "the rootfs": ({"etag": "f"}, ["parent image"]),
    "the rootfs's checksum": ({"checksum": "md5:2"}, ["parent image"]),
    "the kernel parameters": ({"parameters": b""}, ["parent image"]),
    "the builder image": ({"builder": "x"}, ["builder image"]),
    "the initrd": ({"job": job(JobType.CUSTOMIZE, rebuild_initrd=True)}, ["option rebuild_initrd"]),
}


@pytest.mark.parametrize(("changes", "named"), CHANGES_OF_AN_IMAGE.values(), ids=CHANGES_OF_AN_IMAGE)
@pytest.mark.usefixtures("offline")
def test_each_change_of_a_customization_is_found_and_named(changes: dict[str, Any], named: list[str]) -> None:
    before = Change(job(JobType.CUSTOMIZE)).fingerprint()
    assert Change(job(JobType.CUSTOMIZE)).fingerprint() == before
    assert Change(**({"job": job(JobType.CUSTOMIZE)} | changes)).fingerprint().changes_since(before) == named
