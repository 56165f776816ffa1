"""The flow that customizes an image, with a real ssh client."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.models import Image, JobStatus, PublicKey, new_id
from tests.flows.site import Site
from tests.flows.test_debug_shell import new_key, ssh, waiting
from tests.tiny_image import PARAMETERS, downloaded, register

pytestmark = pytest.mark.containers


@pytest.fixture
def key(site: Site, tmp_path: Path) -> Path:
    """The job's private key; its public half is the site's."""
    file = new_key(tmp_path / "key")
    public = PublicKey(name="mine", public_key=file.with_suffix(".pub").read_text())
    site.key = site.catalogue.public_keys.create(public)
    return file


@pytest.fixture
def image(site: Site, tiny_rootfs: Path) -> Iterator[Image]:
    """The image to customize; afterwards it is what it was."""
    return site.catalogue.images.create(register(site.store, site.boot_images_bucket, tiny_rootfs))


def test_it(site, key, image, tmp_path):
    job_id = new_id()
    run = site.customize(job_id, image.id)
    shell = waiting(site, run, job_id)
    print(shell)
    r = ssh(
        shell,
        key,
        "ls -la /mnt/image /mnt/image/image-root/; echo hi > /mnt/image/image-root/etc/motd; touch /mnt/image/complete",
    )
    print(r)
    run.wait()
    print(run.log.read_text())
    print(site.job(job_id))
    print(site.images())
    assert 0
