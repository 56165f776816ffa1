"""ingest/sparse.py: sparse files in all of GNU tar's formats are unpacked as GNU tar unpacks them."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from errors import BadInput
from ingest.limits import Limits
from ingest.sparse import checked, old_map, pax_map
from ingest.unpacking import unpack
from tests.ingest.trees import scratch_folder, tree_of

LIMITS = Limits(bytes=64 << 20, entries=99, memory_bytes=1 << 20, seconds=1)
FORMATS = {
    "gnu": ["--format=gnu"],
    "oldgnu": ["--format=oldgnu"],
    "pax 0.0": ["--format=posix", "--sparse-version=0.0"],
    "pax 0.1": ["--format=posix", "--sparse-version=0.1"],
    "pax 1.0": ["--format=posix", "--sparse-version=1.0"],
}
# The content of files by places: with more pieces than fit into a header (4), an extension (21) or a block of text.
FILES = {
    "a hole at the begin": ({1 << 20: b"x"}, (1 << 20) + 1),
    "a hole at the end": ({0: b"x" * 5000}, 1 << 21),
    "nothing but a hole": ({}, 1 << 20),
    "five pieces": ({at << 16: b"piece" for at in range(5)}, 1 << 20),
    "a hundred pieces": ({at << 16: b"piece" * 1000 for at in range(100)}, (100 << 16) + 7),
    "é" * 60: ({1 << 19: b"in a file with a long name"}, 1 << 20),
}


@pytest.fixture(scope="module")
def source() -> Iterator[Path]:
    """A folder of sparse files, with others around them."""
    with scratch_folder() as top:
        top.chmod(0o755)
        _write_files(top)
        yield top


def _write_files(top: Path) -> None:
    for number, (name, (pieces, size)) in enumerate(FILES.items()):
        (top / f"{number}-before").write_bytes(b"plain")
        with (top / name).open("wb") as file:
            for at, piece in pieces.items():
                file.seek(at)
                file.write(piece)
            file.truncate(size)


@pytest.mark.parametrize("options", FORMATS.values(), ids=FORMATS)
def test_sparse_files_are_unpacked_as_gnu_tar_does(source: Path, tmp_path: Path, options: list[str]) -> None:
    archive, ours, theirs = tmp_path / "sparse.tar", tmp_path / "ours", tmp_path / "theirs"
    ours.mkdir()
    theirs.mkdir()
    subprocess.run(["tar", "-C", source, "--sparse", *options, "-cf", archive, "."], check=True)
    assert archive.stat().st_size < sum(path.stat().st_size for path in source.iterdir()) / 2
    subprocess.run(["tar", "-C", theirs, "-xpf", archive], check=True)
    unpack(str(archive), str(ours), LIMITS, lambda _tree: None)
    assert tree_of(ours, times=True) == tree_of(theirs, times=True) == tree_of(source, times=True)
    # Holes stay holes.
    assert os.stat(ours / "nothing but a hole").st_blocks < (1 << 20) // 512 / 2  # noqa: PTH116


def _never(count: int) -> bytes:
    raise AssertionError(count)


WRONG = {
    "pieces that overlap": ([(0, 5), (4, 2)], 10, 7),
    "out of order": ([(5, 1), (0, 1)], 10, 2),
    "beyond the end": ([(8, 5)], 10, 5),
    "more than is stored": ([(0, 5)], 10, 4),
    "less than is stored": ([(0, 5)], 10, 6),
}


@pytest.mark.parametrize(("pieces", "size", "stored"), WRONG.values(), ids=WRONG)
def test_a_map_that_does_not_fit_is_refused(pieces: list[tuple[int, int]], size: int, stored: int) -> None:
    with pytest.raises(BadInput, match="'x' is a sparse file whose"):
        checked(size, pieces, stored, "x")


MALFORMED = {
    "no size": {"GNU.sparse.map": "0,1"},
    "half a piece": {"GNU.sparse.map": "0,1,2", "GNU.sparse.size": "9"},
    "no number": {"GNU.sparse.map": "0,x", "GNU.sparse.size": "9"},
    "a negative number": {"GNU.sparse.map": "-1,1", "GNU.sparse.size": "9"},
    "too large a number": {"GNU.sparse.map": "", "GNU.sparse.size": "9" * 21},
    "another format": {"GNU.sparse.major": "2", "GNU.sparse.minor": "0"},
}


@pytest.mark.parametrize("records", MALFORMED.values(), ids=MALFORMED)
def test_malformed_records_are_refused(records: dict[str, str]) -> None:
    with pytest.raises(BadInput, match="'x' is a sparse file"):
        pax_map(records, _never, "x")


@pytest.mark.parametrize("text", [b"9" * 512, b"x\n", b"-1\n", b"1\n0\nx\n", b"999999\n"])
def test_a_malformed_map_in_the_content_is_refused(text: bytes) -> None:
    records = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9"}
    with pytest.raises(BadInput, match="'x' is a sparse file"):
        pax_map(records, lambda _count: text.ljust(512, b"\0"), "x")


@settings(max_examples=100)
@given(st.binary(min_size=126, max_size=126), st.lists(st.binary(min_size=512, max_size=512), max_size=2))
def test_any_old_map_is_read_or_refused(header: bytes, extensions: list[bytes]) -> None:
    left = [*extensions, bytes(512)]
    try:
        size, pieces = old_map(bytes(386) + header, lambda _count: left.pop(0) if left else bytes(512), "x")
    except BadInput:
        return
    assert size >= 0
    assert all(begin >= 0 and length >= 0 for begin, length in pieces)
