"""What the existing IMS keeps: a list of records a kind, the deleted ones apart.

Its files are named `v<number>_<collection>.json`, the numbers as in its release 3 (src/server/app.py of Cray-HPE/ims).
"""

from dataclasses import dataclass
from typing import Any

from storage.models.kinds import RecordKind


@dataclass(frozen=True)
class Place:
    """A list of records of an IMS.

    Args:
        kind: What its records are.
        deleted: Whether they are deleted.
        version: The version in the name of its file.
    """

    kind: RecordKind
    deleted: bool
    version: str

    @property
    def collection(self) -> str:
        """Its name in the names of files and in exports: `images`, `deleted_public_keys`."""
        word = self.kind.documents.replace("-", "_")
        return f"deleted_{word}" if self.deleted else word

    @property
    def file_name(self) -> str:
        """The name of its file."""
        return f"v{self.version}_{self.collection}.json"

    @property
    def path(self) -> str:
        """Its path in the API, below the version."""
        return f"deleted/{self.kind.documents}" if self.deleted else self.kind.documents


PLACES = (
    Place(RecordKind.PUBLIC_KEY, deleted=False, version="2"),
    Place(RecordKind.PUBLIC_KEY, deleted=True, version="3"),
    Place(RecordKind.RECIPE, deleted=False, version="2.2"),
    Place(RecordKind.RECIPE, deleted=True, version="3.2"),
    Place(RecordKind.IMAGE, deleted=False, version="2.1"),
    Place(RecordKind.IMAGE, deleted=True, version="3.1"),
    Place(RecordKind.JOB, deleted=False, version="2.2"),
    Place(RecordKind.REMOTE_BUILD_NODE, deleted=False, version="2.0"),
)

# The fields that IMS has, by kind, in its order.
FIELDS: dict[RecordKind, tuple[str, ...]] = {
    RecordKind.PUBLIC_KEY: ("id", "created", "name", "public_key"),
    RecordKind.RECIPE: (
        *("id", "created", "name", "link", "recipe_type", "linux_distribution"),
        *("template_dictionary", "require_dkms", "arch"),
    ),
    RecordKind.IMAGE: ("id", "created", "name", "link", "arch", "metadata"),
    RecordKind.JOB: (
        *("id", "created", "job_type", "artifact_id", "public_key_id", "image_root_archive_name", "enable_debug"),
        *("build_env_size", "job_mem_size", "kernel_file_name", "initrd_file_name", "kernel_parameters_file_name"),
        *("require_dkms", "ssh_containers", "status", "arch", "resultant_image_id"),
    ),
    RecordKind.REMOTE_BUILD_NODE: ("xname",),
}


@dataclass(frozen=True)
class Foreign:
    """A record of an IMS as it was found.

    Args:
        place: Its list.
        fields: What JSON gave; not necessarily an object.
        where: Where it stands, for messages.
    """

    place: Place
    fields: Any
    where: str
