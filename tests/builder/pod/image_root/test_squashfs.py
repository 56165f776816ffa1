"""Tests of builder/pod/image_root/squashfs.py that need no mksquashfs; packing is tested in test_pod_programs.py."""

from pathlib import Path

import pytest

from builder.contract.options import Squashfs
from builder.pod.image_root.squashfs import memory_limit_bytes, pack, processor_limit
from builder.pod.step import StepFailed


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


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({"cpu.max": "200000 100000\n"}, 2, id="control groups v2"),
        pytest.param({"cpu.max": "50000 100000\n"}, 1, id="less than one"),
        pytest.param({"cpu.max": "250000 100000\n"}, 3, id="two and a half"),
        pytest.param({"cpu.max": "max 100000\n"}, None, id="v2 without a limit"),
        pytest.param({"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4, id="v1"),
        pytest.param({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None, id="v1 without"),
        pytest.param({}, None, id="no control groups"),
    ],
)
def test_the_limit_of_processors_is_seen(tmp_path: Path, files: dict[str, str], expected: int | None) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    assert processor_limit(tmp_path) == expected
