"""Packing an image root into a squashfs, and unpacking one.

The same root and options give the same bytes, on any number of processors. Both use all processors of the pod.
"""

import hashlib
import json
import os
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from builder.contract.options import LEFT_OUT, Squashfs
from builder.pod.child import run
from builder.pod.space import MORE_SPACE, says_full, space_of
from builder.pod.step import StepFailed, say
from builder.pod.whole_file import whole_file

_HIGHEST_LEVEL = {"zstd": 22, "gzip": 9}
# Without it mksquashfs packs a file that it cannot read as an empty one, and succeeds.
_STRICT = ("-exit-on-error",)


def pack(
    root: Path, target: Path, how: Squashfs, epoch: int, *, root_is: str, left_out: Sequence[str] = LEFT_OUT
) -> None:
    """Pack the root, unless the target was already packed from it in the same way.

    The squashfs gets its name when it is whole. Extended attributes, capabilities, devices and hard links are kept.

    Args:
        root: The image root.
        target: The squashfs.
        how: Compressor and level.
        epoch: Seconds since 1970: the squashfs is dated with it, and no file in it is younger; 0 dates it with today.
        root_is: What identifies the root's content.
        left_out: What is left out, by mksquashfs' wildcards.

    Raises:
        StepFailed: mksquashfs failed, or does not know the compressor or level.
    """
    marker = target.with_name(f"{target.name}.inputs")
    inputs = json.dumps([how.compressor, how.level, epoch, root_is, list(left_out)])
    if target.exists() and marker.exists() and marker.read_text() == inputs:
        say(f"{target.name} is packed already")
        return
    marker.unlink(missing_ok=True)
    options = [*_compression(how), *_memory(), *_processors(), "-noappend", "-quiet", "-no-progress", "-no-recovery"]
    # Excludes come last: mksquashfs reads all arguments after -e as excludes.
    options += [*_STRICT, "-xattrs", "-wildcards", "-e", *left_out]
    output = _Output()
    with whole_file(target) as partial:
        command = ["mksquashfs", str(root), str(partial), *options]
        exit_code = run(command, environment={"SOURCE_DATE_EPOCH": str(epoch)} if epoch else {}, on_line=output)
        if exit_code:
            raise _failed("mksquashfs", exit_code, output, target.parent)
    marker.write_text(inputs)


def unpack(rootfs: Path, root: Path) -> None:
    """Unpack a squashfs into a folder that is not there yet.

    Raises:
        StepFailed: unsquashfs failed: a broken squashfs, one of a later version, no space left.
    """
    output = _Output()
    command = ["unsquashfs", "-quiet", "-no-progress", *_processors(), "-dest", str(root), str(rootfs)]
    exit_code = run(command, on_line=output)
    if exit_code:
        raise _failed("unsquashfs", exit_code, output, root.parent)


def identity(prepared: Path) -> str:
    """Return what identifies the root that a prepared.json stands for."""
    return hashlib.sha256(prepared.read_bytes()).hexdigest()


def memory_limit_bytes(cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    """Return how much memory this process may use: the machine's, or the control group's limit when it is lower."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        file = cgroups / name
        if file.exists() and (content := file.read_text().strip()).isdigit():
            limits.append(int(content))
    return min(limits)


def processor_limit(cgroups: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Return how many processors this process may keep busy, at least one; None without a limit."""
    try:
        # cgroup v2: "150000 100000", or "max 100000".
        quota, period = (cgroups / "cpu.max").read_text().split()
    except FileNotFoundError:
        try:
            quota, period = ((cgroups / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        except FileNotFoundError:
            return None
    # cgroup v1 says -1 where there is none.
    return max(1, -(-int(quota) // int(period))) if quota.strip().isdigit() else None


class _Output:
    """Shows the output of a program, and keeps its last errors, which are mixed with its other lines."""

    def __init__(self) -> None:
        self.last: deque[str] = deque(maxlen=3)

    def __call__(self, line: str) -> None:
        if "fail" in line.lower() or "error" in line.lower():
            self.last.append(line.strip())
        say(line)


def _failed(program: str, exit_code: int, output: _Output, folder: Path) -> StepFailed:
    said = f"{program} failed with exit code {exit_code}: {' '.join(output.last)}"
    if says_full(said):
        return StepFailed(f"{said}; {space_of(folder)}", advice=MORE_SPACE)
    return StepFailed(said)


def _compression(how: Squashfs) -> list[str]:
    if how.compressor in {"lz4", "xz"}:
        return ["-comp", how.compressor]
    highest = _HIGHEST_LEVEL.get(how.compressor)
    if highest is None:
        raise StepFailed(f"mksquashfs knows no compressor {how.compressor}: choose zstd, gzip, lz4 or xz")
    if not 1 <= how.level <= highest:
        raise StepFailed(f"{how.compressor} has levels 1 to {highest}, not {how.level}")
    return ["-comp", how.compressor, "-Xcompression-level", str(how.level)]


def _memory() -> list[str]:
    """Keep mksquashfs, which takes a quarter of the machine's memory, within a quarter of the pod's."""
    return ["-mem", f"{max(memory_limit_bytes() // 4 >> 20, 64)}M"]


def _processors() -> list[str]:
    """Keep either program from starting a thread for each of the machine's processors where the pod has fewer."""
    limit = processor_limit()
    return ["-processors", str(limit)] if limit else []
