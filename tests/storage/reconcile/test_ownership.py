"""storage/reconcile/ownership.py: whose an object is, by its key and by its marks."""

import pytest

from config.settings import Settings
from storage.models.layout import (
    artifact_key,
    ca_rpm_key,
    credentials_key,
    deleted_key,
    deleted_manifest_key,
    fingerprint_key,
    job_key,
    recipe_key,
    records_key,
    script_key,
)
from storage.models.records import new_id
from storage.reconcile.ownership import Noun, Owner, image_marks, is_marked, owner_of, recipe_marks
from storage.records.jobs import image_id_of

# The same in every process: it is part of the names of the tests.
ID = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
SETTINGS = Settings(bucket="ims", boot_images_bucket="boot")
OURS = {
    records_key("public-keys", "f"): Noun.RECORDS,
    ca_rpm_key("0" * 64): Noun.CA_RPM,
    script_key("0" * 64, "change me.sh"): Noun.SCRIPT,
    recipe_key(ID, "a recipe.tgz"): Noun.RECIPE,
    deleted_key(recipe_key(ID, "a.tgz")): Noun.RECIPE,
    **{
        job_key(ID, name): Noun.JOB
        for name in ("context.tgz", "ca-rpm.tgz", "script.tgz", "package.json", "shell.json", "script.log")
    },
    job_key(ID, "upload-plan.json"): Noun.JOB,
    credentials_key(ID): Noun.JOB,
    artifact_key(ID, "rootfs"): Noun.IMAGE,
    artifact_key(ID, "manifest.json"): Noun.IMAGE,
    fingerprint_key(ID): Noun.IMAGE,
    deleted_key(fingerprint_key(ID)): Noun.IMAGE,
    deleted_key(artifact_key(ID, "boot_parameters")): Noun.IMAGE,
    deleted_manifest_key(ID): Noun.IMAGE,
}
OTHERS = [
    "x",
    f"recipes/{ID}",
    f"recipes/{ID}/folder/a.tgz",
    f"recipes/{ID.upper()}x/a.tgz",
    f"jobs/{ID}/notes.txt",
    f"deleted/jobs/{ID}/package.json",
    "records/images/10.json",
    "ca-rpm/latest.tgz",
    "scripts/latest/change.sh",
    f"{ID}/rootfs.old",
    f"deleted/deleted/{ID}/rootfs",
    f"{ID}/rootfs\n",
]


@pytest.mark.parametrize("key", OURS)
def test_every_key_of_the_layout_has_its_owner_in_its_bucket(key: str) -> None:
    is_image = OURS[key] is Noun.IMAGE
    owner = owner_of(SETTINGS, "boot" if is_image else "ims", key)
    assert owner is not None
    assert owner.noun is OURS[key]
    assert owner_of(SETTINGS, "ims" if is_image else "boot", key) is None
    assert owner_of(SETTINGS, "other", key) is None


@pytest.mark.parametrize("key", OTHERS)
def test_other_keys_have_none(key: str) -> None:
    assert [owner_of(SETTINGS, bucket, key) for bucket in ("ims", "boot")] == [None, None]


def test_an_image_is_ours_when_its_id_follows_from_the_job_it_names() -> None:
    job_id = new_id()
    image_id = image_id_of(job_id)
    owner = Owner(Noun.IMAGE, image_id, "rootfs")
    assert is_marked(owner, image_marks(image_id, job_id, "name"))
    assert not is_marked(owner, image_marks(image_id, new_id(), "name"))
    assert not is_marked(owner, image_marks(new_id(), job_id, "name"))
    assert not is_marked(owner, {"x-shasta-ims-image-id": image_id, "x-shasta-ims-job-id": "garbage"})
    assert not is_marked(owner, {})


def test_a_recipes_archive_is_ours_when_it_says_so() -> None:
    owner = Owner(Noun.RECIPE, ID, "a.tgz")
    assert is_marked(owner, recipe_marks(ID))
    assert not is_marked(owner, recipe_marks(new_id()))
    assert not is_marked(owner, {"md5sum": "x"})
