"""The main job, end to end: recipes/debian-minimal becomes an image whose downloaded artifacts boot."""

import io
from pathlib import Path

import pytest

from builder.mirror import host_mirror
from ingest.packing import pack
from storage.images import read_manifest
from storage.models import new_id
from tests.flows.site import Site
from tests.qemu import boot

pytestmark = [pytest.mark.containers, pytest.mark.timeout(600)]

RECIPE = Path(__file__).parent.parent.parent / "recipes" / "debian-minimal"


def test_the_sample_recipe_becomes_an_image_that_boots(site: Site, tmp_path: Path) -> None:
    archive = io.BytesIO()
    pack(RECIPE, archive)
    recipe = site.add_recipe(
        archive.getvalue(),
        linux_distribution="debian12",
        template_dictionary=[{"key": "mirror", "value": host_mirror()}],
    )
    assert site.run(new_id(), recipe_id=recipe.id, job_mem_size=4, build_env_size=4) == 0, site.runs[0].log.read_text()
    [image] = site.images()
    manifest, _ = read_manifest(site.store, image)
    files = {}
    for artifact in manifest.artifacts:
        name = artifact.link.key.rpartition("/")[2]
        files[name] = tmp_path / name
        site.store.download(artifact.link.bucket, artifact.link.key, files[name], etag=artifact.link.etag)
    booted = boot(files["kernel"], files["initrd"], files["rootfs"])
    assert booted.ok, booted.console
