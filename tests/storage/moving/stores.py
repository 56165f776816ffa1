"""Data files of an IMS, as tests write them."""

import json
import random
from pathlib import Path
from typing import Any
from uuid import UUID

from storage.moving.collections import PLACES, Place

ROOTFS = "application/vnd.cray.image.rootfs.squashfs"


def place(collection: str) -> Place:
    """Return a list by its name."""
    [found] = [each for each in PLACES if each.collection == collection]
    return found


def write(folder: Path, **lists: Any) -> Path:
    """Write data files into a new folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for collection, records in lists.items():
        (folder / place(collection).file_name).write_text(json.dumps(records))
    return folder


def many(count: int, seed: int = 1) -> dict[str, list[dict[str, Any]]]:
    """Return some records of each list, `count` of them images."""
    source = random.Random(seed)

    def new(**fields: Any) -> dict[str, Any]:
        created = f"20{source.randrange(19, 26)}-0{source.randrange(1, 10)}-11T10:{source.randrange(10, 60)}:07.123456"
        zone = source.choice(["+00:00", "", "Z"])
        return {"id": str(UUID(int=source.getrandbits(128), version=4)), "created": created + zone, **fields}

    def linked(folder: str, name: str) -> Any:
        return source.choice(
            [
                None,
                {
                    "path": f"s3://{folder}/{source.getrandbits(64):x}/{name}",
                    "etag": f"{source.getrandbits(128):032x}",
                    "type": "s3",
                },
            ]
        )

    def image(**fields: Any) -> dict[str, Any]:
        link = linked("boot-images", "manifest.json")
        return new(name="an image\u00e9", link=link, arch="aarch64", metadata={"a": "b"}, **fields)

    key = "ssh-rsa AAAA not a key any more \n"
    recipe = {"recipe_type": "kiwi-ng", "linux_distribution": "sles15", "require_dkms": False, "arch": "x86_64"}
    few = max(count // 50, 1)
    return {
        "images": [image() for _ in range(count)],
        "deleted_images": [image(deleted="2024-01-02T03:04:05+00:00") for _ in range(few)],
        "public_keys": [new(name="a key", public_key=key) for _ in range(few)],
        "deleted_public_keys": [new(name="k", public_key=key, deleted="2024-01-02T03:04:05.5Z") for _ in range(few)],
        "recipes": [
            new(name="r", link=linked("ims", "r.tgz"), template_dictionary=[{"key": "K", "value": "v"}], **recipe)
            for _ in range(few)
        ],
        "deleted_recipes": [
            new(name="r", link=None, template_dictionary=[], deleted="2024-01-02T03:04:05Z", **recipe)
            for _ in range(few)
        ],
        "jobs": [job(new()) for _ in range(few)],
        "remote_build_nodes": [{"xname": "x3000c0s1b0n0"}],
    }


def job(record: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return a job of IMS that has ended."""
    return {
        **record,
        "job_type": "customize",
        "artifact_id": record["id"],
        "public_key_id": record["id"],
        "image_root_archive_name": "changed",
        "enable_debug": False,
        "build_env_size": 60,
        "job_mem_size": 8,
        "kernel_file_name": "vmlinuz",
        "initrd_file_name": "initrd",
        "kernel_parameters_file_name": "kernel-parameters",
        "require_dkms": True,
        "ssh_containers": [
            {
                "name": "customize",
                "jail": True,
                "status": "pending",
                "connection_info": {"cluster.local": {"host": "h", "port": 22}},
            }
        ],
        "status": "success",
        "arch": "x86_64",
        "resultant_image_id": None,
        "kubernetes_job": "cray-ims-1-customize",
        "remote_build_node": "",
        **fields,
    }
