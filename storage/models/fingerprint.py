"""The fingerprint of an image: everything that it was made of, each input by its name and a digest.

The rule: an input whose digest is not known is never the same as another one. Where that is so, an image is built.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Self

from pydantic import BaseModel, ConfigDict

# The digest of an input of which nobody can say whether it has changed.
UNKNOWN = ""
LARGEST_FINGERPRINT_BYTES = 4 << 20
_MOST_NAMED = 10
_LONGEST_NAMED = 200


class Fingerprint(BaseModel):
    """The inputs of an image.

    Args:
        inputs: Their digests by their names, for example `root/etc/motd`, `site CA` or `repository http://…/updates`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    inputs: dict[str, str]

    @classmethod
    def of(cls, parts: Iterable[tuple[str, str]]) -> Self:
        """Return the fingerprint of parts with their names; several parts of one name are one input."""
        inputs: dict[str, list[str]] = {}
        for name, digest in parts:
            inputs.setdefault(name, []).append(digest)
        return cls(inputs={name: _joined(digests) for name, digests in sorted(inputs.items())})

    @property
    def body(self) -> bytes:
        """The document as it is stored: the same inputs give the same bytes."""
        return json.dumps({"inputs": self.inputs}, sort_keys=True).encode()

    @property
    def digest(self) -> str:
        """The digest of the document, in hexadecimal: the image's record has it."""
        return hashlib.sha256(self.body).hexdigest()

    def changes_since(self, earlier: "Fingerprint") -> list[str]:
        """Return the names of the inputs that are not known to be the same in an earlier fingerprint."""
        names = sorted(self.inputs.keys() | earlier.inputs.keys())
        return [name for name in names if not self._knows_same(earlier, name)]

    def _knows_same(self, other: "Fingerprint", name: str) -> bool:
        return self.inputs.get(name, UNKNOWN) == other.inputs.get(name, UNKNOWN) != UNKNOWN

    def is_unknown(self, name: str) -> bool:
        """Return whether it is an input of which nobody can say whether it has changed."""
        return self.inputs.get(name) == UNKNOWN

    def confirmed_by(self, later: "Fingerprint") -> "Fingerprint":
        """Return this fingerprint with those inputs as unknown that a later reading finds otherwise, or finds new."""
        changed = dict.fromkeys(self.changes_since(later), UNKNOWN)
        return Fingerprint(inputs=dict(sorted((self.inputs | changed).items())))


def shortened(names: Sequence[str]) -> list[str]:
    """Return names of inputs as they are shown: of many the first, of long ones the beginning."""
    first = [name if len(name) <= _LONGEST_NAMED else f"{name[:_LONGEST_NAMED]}…" for name in names[:_MOST_NAMED]]
    return [*first, f"and {len(names) - _MOST_NAMED} others"] if len(names) > _MOST_NAMED else first


def without_folders(names: Sequence[str]) -> list[str]:
    """Return names of inputs without the folders of others among them: a new file is in a new folder as well."""
    files = [name for name in names if "://" not in name]
    folders = {str(folder) for name in files for folder in PurePosixPath(name).parents}
    return [name for name in names if name not in folders]


def digest_of(value: object) -> str:
    """Return the digest of a value of JSON, in hexadecimal."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def folded(files: Mapping[str, str], most: int) -> list[tuple[str, str]]:
    """Return files and their digests, by their folders where there are more than so many.

    Args:
        files: The digests by the paths.
        most: The most names to return; a folder stands for all that is below it.
    """
    depth = max((path.count("/") for path in files), default=0) + 1
    names = set(files)
    while depth and len(names) > most:
        depth -= 1
        names = {_folder(path, depth) for path in files}
    return [(_folder(path, depth), digest_of([path, digest])) for path, digest in sorted(files.items())]


def _folder(path: str, depth: int) -> str:
    parts = path.split("/")
    return path if len(parts) <= depth else "/".join([*parts[:depth], "…"])


def _joined(digests: Sequence[str]) -> str:
    if UNKNOWN in digests:
        return UNKNOWN
    return digests[0] if len(digests) == 1 else digest_of(list(digests))
