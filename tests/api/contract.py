"""The tables of IMS's API as rows: what is asked for, what is sent, and the status of the answer."""

from collections.abc import Iterable, Mapping
from typing import Any

import httpx

from config.settings import Settings
from storage.models.jobs import Job, JobStatus
from storage.models.manifest import LARGEST_MANIFEST_BYTES
from storage.models.records import Image, Link, Recipe, new_id
from storage.records.catalogue import Catalogue
from storage.s3.objects import ObjectStore
from tests.api.stored import KEY, PROBLEM, one_of_each

# `METHOD path`, the body (bytes as they are, None for none), and the status. `{name}` is one of `names_of`.
Row = tuple[str, Any, int]

MANIFEST = {"version": "1.0", "created": "2026-11-28 12:00:00.000001"}
ROOTFS = {
    "link": {"path": "s3://boot-images/r", "etag": "", "type": "s3"},
    "md5": "x",
    "type": "application/vnd.cray.image.rootfs.squashfs",
}


def names_of(records: Catalogue, store: ObjectStore, where: Settings) -> dict[str, Any]:
    """Store what the rows work on, and return their names for it."""

    def link(body: bytes, bucket: str = where.boot_images_bucket) -> dict[str, str]:
        key = f"{new_id()}/x"
        return {"path": f"s3://{bucket}/{key}", "etag": store.write(bucket, key, body), "type": "s3"}

    def manifest(*artifacts: Mapping[str, Any], **more: Any) -> dict[str, str]:
        return link(httpx.Request("POST", "http://x", json=MANIFEST | {"artifacts": artifacts} | more).content)

    def image(linked: dict[str, str] | None) -> str:
        return records.images.create(Image(name="image", link=linked and Link.model_validate(linked))).id

    made = one_of_each(records, store, where)
    gone = link(b"gone")
    store.delete(where.boot_images_bucket, gone["path"].removeprefix(f"s3://{where.boot_images_bucket}/"))
    ended = Job.model_validate(made["jobs"].model_dump() | {"id": new_id(), "status": JobStatus.SUCCESS})
    recipe_without_archive = Recipe(name="gone", linux_distribution="sles15", link=Link.model_validate(gone))
    return {
        "key": made["public-keys"].id,
        "recipe": made["recipes"].id,
        "image": made["images"].id,
        "job": made["jobs"].id,
        "ended_job": records.jobs.create(ended).id,
        "empty_recipe": records.recipes.create(Recipe(name="empty", linux_distribution="sles15")).id,
        "recipe_without_archive": records.recipes.create(recipe_without_archive).id,
        "empty_image": image(None),
        "image_without_rootfs": image(manifest()),
        "image_of_two_rootfs": image(manifest(ROOTFS, ROOTFS)),
        "image_of_a_large_manifest": image(manifest(ROOTFS, x="y" * LARGEST_MANIFEST_BYTES)),
        "image_of_no_manifest": image(link(b"{")),
        "unknown": new_id(),
        "archive": link(b"archive", where.bucket),
        "other_archive": link(b"archive", where.bucket),
        "recipes_link": made["recipes"].model_dump()["link"],
        "manifest": manifest(ROOTFS),
        "other_manifest": manifest(ROOTFS),
        "images_link": made["images"].model_dump()["link"],
        "no_manifest": link(b"archive"),
        "gone": gone,
        "public_key": KEY,
    }


def failures(api: httpx.Client, prefix: str, rows: Iterable[Row], names: Mapping[str, Any]) -> list[str]:
    """Ask for every row in turn, and return those whose answers are not IMS's."""
    return [
        f"{prefix}: {asked} {body!r} → {answer.status_code} and not {status}: {answer.text[:200]}"
        for asked, body, status in rows
        if not _is_it(answer := ask(api, prefix, asked, body, names), status)
    ]


def ask(api: httpx.Client, prefix: str, asked: str, body: Any, names: Mapping[str, Any]) -> httpx.Response:
    """Send the request of a row."""
    method, _, path = asked.partition(" ")
    content = body if isinstance(body, bytes) else None
    sent = None if body is None or isinstance(body, bytes) else _filled(body, names)
    return api.request(method, f"{prefix}/{path.format_map(names)}", json=sent, content=content)


def _is_it(answer: httpx.Response, status: int) -> bool:
    if answer.status_code != status:
        return False
    if status < 400:
        # What clients decode, whatever the status is: an empty body to a POST or a PATCH hides everything from them.
        return (status == 204) == (answer.content == b"") and (status == 204 or answer.json() is not None)
    problem = answer.json()
    known = {"type", "status", "title", "detail"} <= problem.keys() <= {"type", "status", "title", "detail", "errors"}
    return known and answer.headers["content-type"] == PROBLEM and problem["status"] == status


def _filled(body: Any, names: Mapping[str, Any]) -> Any:
    """Return a body with the names in it replaced, each by what it is the name of."""
    if isinstance(body, dict):
        return {field: _filled(value, names) for field, value in body.items()}
    if isinstance(body, list):
        return [_filled(value, names) for value in body]
    return names[body[1:-1]] if isinstance(body, str) and body.startswith("{") else body
