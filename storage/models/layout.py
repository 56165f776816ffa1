"""Which key holds what. Every S3 key of the project is made here, so that a reader finds all of them on one page."""

DELETED_PREFIX = "deleted/"
# Boot services project what lies here to every node that asks for it, without a record of it.
PE_PREFIX = "PE/"
SCRIPTS_PREFIX = "scripts/"
SHARDS = "0123456789abcdef"


def shard_of(record_id: str) -> str:
    """Return which of the sixteen documents of its kind a record is in: its id's last hexadecimal digit.

    The first digits of a version 7 UUID, which ids of flow runs are, are a clock: all jobs would share one document.
    """
    return record_id[-1]


def records_key(kind: str, shard: str) -> str:
    """Return the key of one of the sixteen documents of a kind of record."""
    return f"records/{kind}/{shard}.json"


def recipe_key(recipe_id: str, file_name: str) -> str:
    """Return the key of a recipe's archive."""
    return f"recipes/{recipe_id}/{file_name}"


def job_prefix(job_id: str) -> str:
    """Return what the keys of all objects of a job begin with."""
    return f"jobs/{job_id}/"


def job_key(job_id: str, name: str) -> str:
    """Return the key of something a job keeps: its context archive, a step's log or result."""
    return f"{job_prefix(job_id)}{name}"


def credentials_key(job_id: str) -> str:
    """Return the key of the credentials that a job's build needs; it is there only while the job is."""
    return job_key(job_id, "credentials.json")


def shell_orders_key(job_id: str) -> str:
    """Return the key of the orders to a job's shell; it is there only while the job is."""
    return job_key(job_id, "shell.json")


def script_key(digest: str, file_name: str) -> str:
    """Return the key of a script or playbook with this sha256: one key is always one content, so jobs can name it."""
    return f"{SCRIPTS_PREFIX}{digest}/{file_name}"


def ca_rpm_key(digest: str) -> str:
    """Return the key of the RPM made of a site's certificates and a spec of this digest, and of what signed it."""
    return f"ca-rpm/{digest}.tgz"


def fingerprint_key(image_id: str) -> str:
    """Return the key of what an image was made of, beside its manifest."""
    return artifact_key(image_id, "fingerprint.json")


def deleted_key(key: str) -> str:
    """Return where an object lies while its record is deleted, in the same bucket."""
    return f"{DELETED_PREFIX}{key}"


def deleted_manifest_key(image_id: str) -> str:
    """Return the key of the manifest of a deleted image: that of its artifacts where they lie then."""
    return deleted_key(artifact_key(image_id, "deleted_manifest.json"))


def image_prefix(image_id: str) -> str:
    """Return what the keys of all artifacts of an image begin with (bucket `boot-images`)."""
    return f"{image_id}/"


def artifact_key(image_id: str, name: str) -> str:
    """Return the key of an image's artifact: rootfs, kernel, initrd, boot_parameters or manifest.json."""
    return f"{image_prefix(image_id)}{name}"
