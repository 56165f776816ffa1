"""Tests of builder/programs/squashfs.py that need no mksquashfs; packing is tested in test_pod_programs.py."""

from pathlib import Path

import pytest

from builder.programs.context import Squashfs
from builder.programs.squashfs import memory_limit_bytes, pack
from builder.programs.step import StepFailed


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        (Squashfs("lzma", 3), "knows no compressor lzma: choose zstd, gzip, lz4 or xz"),
        (Squashfs("gzip", 10), "gzip has levels 1 to 9, not 10"),
        (Squashfs("zstd", 0), "zstd has levels 1 to 22, not 0"),
    ],
    ids=["unknown compressor", "level of another compressor", "no level"],
)
def test_what_mksquashfs_does_not_know_is_refused(tmp_path: Path, how: Squashfs, reason: str) -> None:
    with pytest.raises(StepFailed, match=reason):
        pack(tmp_path, tmp_path / "rootfs", how, 0, root_is="this")


@pytest.mark.parametrize(
    "file", ["memory.max", "memory/memory.limit_in_bytes"], ids=["control groups v2", "control groups v1"]
)
def test_the_memory_limit_of_the_pod_is_seen(tmp_path: Path, file: str) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(f"{512 << 20}\n")
    assert memory_limit_bytes(tmp_path) == 512 << 20


def test_without_a_limit_the_machine_s_memory_counts(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("max\n")
    total_kib = int(Path("/proc/meminfo").read_text().split()[1])
    assert memory_limit_bytes(tmp_path) == total_kib << 10
