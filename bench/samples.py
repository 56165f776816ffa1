"""What benchmarks of flows build: recipes, the mirrors of their packages, and the key of their user."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from builder.mirror import host_mirror
from config.settings import settings
from ingest.packing import pack
from storage.models.records import Link, PublicKey, Recipe
from storage.records.catalogue import catalogue
from storage.s3.objects import object_store
from tests.distribution import TINY_RECIPE, build_distribution, serve
from tests.rpm_distribution import ensure_rpm_distribution

RECIPES = Path(__file__).parent.parent / "recipes"
_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPWRc+UOO0RNGYP9J9WtKKOUyiMXagbLMp5P2zdifaCv bench"


@dataclass(frozen=True)
class Sample:
    """A recipe.

    Attributes:
        folder: The recipe's folder.
        distribution: Its distribution, in IMS's words.
        variable: The variable of its template dictionary that names its mirror.
        paths: Where it looks for its packages below its mirror. Empty: its mirror is Debian's own.
    """

    folder: Path
    distribution: str
    variable: str = "mirror"
    paths: Sequence[str] = ()


TINY = Sample(TINY_RECIPE, "sles15", "repository", ("",))
DEBIAN = Sample(RECIPES / "debian-minimal", "debian12")
LEAP = Sample(
    RECIPES / "opensuse-leap",
    "sles15",
    paths=("distribution/leap/15.6/repo/oss", "update/leap/15.6/oss", "update/leap/15.6/sle"),
)
ROCKY = Sample(RECIPES / "rocky-minimal", "rocky9", paths=("9/BaseOS/x86_64/os", "9/AppStream/x86_64/os"))
SAMPLES = {sample.folder.name: sample for sample in (DEBIAN, LEAP, ROCKY, TINY)}


def register_key() -> PublicKey:
    """Put the user's public key into the catalogue."""
    return catalogue().public_keys.create(PublicKey(name="bench", public_key=_KEY))


def register(sample: Sample, mirror: str) -> Recipe:
    """Put a recipe into S3 and the catalogue.

    Args:
        sample: The recipe.
        mirror: The mirror of its packages; it counts for a recipe that names paths.
    """
    archive = io.BytesIO()
    pack(sample.folder, archive)
    bucket, key = settings().bucket, f"recipes/bench/{sample.folder.name}.tgz"
    etag = object_store().write(bucket, key, archive.getvalue())
    return catalogue().recipes.create(
        Recipe(
            name=sample.folder.name,
            linux_distribution=sample.distribution,
            link=Link(path=f"s3://{bucket}/{key}", etag=etag),
            template_dictionary=[{"key": sample.variable, "value": mirror if sample.paths else host_mirror()}],
        )
    )


@contextmanager
def mirror_of(samples: Sequence[Sample], scratch: Path) -> Iterator[str]:
    """Serve the tests' distributions where the samples look for their packages, and give the mirror's address.

    Args:
        samples: The samples: either the tiny one alone, or others.
        scratch: An empty folder.
    """
    if list(samples) == [TINY]:
        top = build_distribution(scratch)
    else:
        top = scratch / "mirror"
        top.mkdir()
        for path in (path for sample in samples for path in sample.paths):
            (top / path).parent.mkdir(parents=True, exist_ok=True)
            (top / path).symlink_to(ensure_rpm_distribution())
    with serve(top) as address:
        yield address.rstrip("/")
