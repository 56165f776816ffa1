"""The parts that an object was made of: as the server says, or those of which its etag is made.

Ceph 16 does not tell the sizes. Clients send parts of one size, the last one apart, and of a round size.
"""

from collections.abc import Iterator
from pathlib import Path

from config.quantities import MiB
from storage.s3.copies import OF_PARTS, part_sizes
from storage.s3.object_info import ObjectInfo
from storage.s3.objects import ObjectStore
from storage.s3.originals import part_sums
from storage.s3.uploads import multipart_etag

# S3's least is 5; the AWS command and boto send 8, other clients 10, 16 or 64; ours and others double for large files.
_USUAL_MIB = (5, 8, 10, 15, 16, 20, 25, 32, 50, 64, 100, 128, 200, 250, 256, 500, 512, 1000, 1024, 2048, 4096, 5120)


def parts_of(store: ObjectStore, info: ObjectInfo, file: Path) -> list[int]:
    """Return the sizes of the parts of an object, bytes; none when it was written in one piece.

    Where no parts give its etag, as on SeaweedFS after a copy in parts, they are those that the server reports.

    Args:
        store: The object store.
        info: The object.
        file: Its content.
    """
    own = OF_PARTS.fullmatch(info.etag)
    if own is None:
        return []
    reported = part_sizes(store, info)
    tried = [reported, *_equal_parts(info.size, int(own[1]))]
    return next((sizes for sizes in tried if multipart_etag(part_sums(file, sizes)) == info.etag), reported)


def _equal_parts(size: int, count: int) -> Iterator[list[int]]:
    """Give the ways to make this many parts of one usual size, the last one as large or smaller."""
    # For large files clients, we too, choose the least whole mebibytes that keep to a number of parts.
    least = -(-size // (count * MiB))
    for part in (mib * MiB for mib in (least, *_USUAL_MIB)):
        if part * (count - 1) < size <= part * count:
            yield [part] * (count - 1) + [size - part * (count - 1)]
