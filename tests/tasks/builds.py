"""A build, as tests of fingerprints change it."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from config.settings import settings
from ingest.description import Repository
from storage.models.fingerprint import Fingerprint
from storage.models.jobs import Job, JobType
from storage.models.records import new_id
from tasks.ca_rpm import CaRpm
from tasks.fingerprint_inputs import (
    of_build,
)
from tasks.kiwi_config import KiwiConfig
from tasks.recipes import description_folder
from tasks.repositories import Metadata

CANARY = "c4n4ry"
CONFIGURATION = KiwiConfig(
    package_manager="zypper",
    repositories=[Repository(url="http://h/r", username="u", password=CANARY)],
    signing_keys=[b"one", b"two"],
    ca_certificates=["a", "b"],
    runtime="kiwi: {}",
)


def job(job_type: JobType = JobType.CREATE, **fields: Any) -> Job:
    asked = {"artifact_id": new_id(), "public_key_id": new_id(), "image_root_archive_name": "image"}
    return Job(job_type=job_type, **(asked | fields))


@dataclass
class Build:
    """All that an image is built of, and what a test changes of it."""

    monkeypatch: pytest.MonkeyPatch
    job: Job
    configuration: KiwiConfig = dataclasses.field(default_factory=lambda: CONFIGURATION)
    ca_rpm: CaRpm | None = dataclasses.field(default_factory=lambda: CaRpm("spec", {"a.pem": "a"}))
    metadata: Metadata = dataclasses.field(default_factory=lambda: [("repository http://h/r", "1")])
    builder: str = "localhost/ims-builder:1"

    def __post_init__(self) -> None:
        for name, text in {"config.xml": "<image/>", "config.sh": "true", "root/etc/motd": "hello"}.items():
            self.file(name).parent.mkdir(parents=True, exist_ok=True)
            self.file(name).write_text(text)
            self.file(name).chmod(0o644)
        self.file("root/etc/link").symlink_to("motd")
        (self.folder / "root/srv").mkdir()

    @property
    def folder(self) -> Path:
        return description_folder(self.job)

    def file(self, name: str) -> Path:
        return self.folder / name

    def configured(self, **fields: Any) -> None:
        self.configuration = self.configuration.model_copy(update=fields)

    def asked(self, **fields: Any) -> None:
        # The job's id stays: the description lies below it.
        self.job = self.job.model_copy(update=fields)

    def set(self, name: str, value: str) -> None:
        self.monkeypatch.setenv(name, value)
        settings.cache_clear()

    def fingerprint(self) -> Fingerprint:
        return of_build(self.configuration, self.ca_rpm, self.metadata, self.builder, self.job)
