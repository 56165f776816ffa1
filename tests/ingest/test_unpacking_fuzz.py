"""Random archives: each is refused, or unpacked with everything inside its folder."""

import gzip
import os
import stat
import tarfile
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from errors import BadInput
from ingest import recipe_unpacking
from ingest.limits import Limits
from ingest.recipe import unpack_recipe
from tests.ingest.archives import (
    END,
    archive,
    config,
    extended,
    file,
    folder,
    hard_link,
    link,
    pax_record,
    with_checksum,
)

LIMITS = Limits(bytes=1 << 20, entries=100, memory_bytes=128 << 20, seconds=20)
PARTS = st.sampled_from(["..", ".", "", "root", "etc", "a", "b", "config.xml", "x.kiwi", "image", "é", "\n", "\udcff"])
NAMES = st.lists(PARTS, min_size=1, max_size=5).map("/".join)
KINDS = st.sampled_from(
    [b"0", b"\0", b"1", b"2", b"5", b"2", b"1", b"3", b"6", b"7", b"S", b"x", b"g", b"L", b"K", b"V"]
)
SIZES = st.one_of(st.just(0), st.integers(0, 2000), st.sampled_from([1 << 20, 1 << 33, (1 << 63) - 1]))


@st.composite
def entries(draw: st.DrawFn) -> bytes:
    """An entry whose fields may contradict each other."""
    info = tarfile.TarInfo(draw(NAMES))
    info.type, info.linkname, info.mode = draw(KINDS), draw(NAMES), draw(st.sampled_from([0o644, 0o755, 0o4755, 0]))
    info.size = draw(SIZES)
    block = info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
    return block + draw(st.binary(max_size=600)).ljust(512, b"\0") * draw(st.integers(0, 2))


@st.composite
def pax_entries(draw: st.DrawFn) -> bytes:
    """An entry after a pax header that overrides its fields."""
    keys = st.sampled_from(["path", "linkpath", "size", "hdrcharset", "GNU.sparse.size", "mtime", ""])
    records = draw(st.lists(st.tuples(keys, st.one_of(NAMES, st.integers().map(str))), max_size=3))
    data = b"".join(pax_record(key, value.encode(errors="surrogateescape")) for key, value in records)
    return extended(tarfile.XHDTYPE, data) + draw(entries())


@st.composite
def honest_entries(draw: st.DrawFn) -> bytes:
    """A valid entry, so that whole archives are often unpacked."""
    name = draw(st.lists(st.sampled_from(["root", "etc", "a", "b"]), min_size=1, max_size=4).map("/".join))
    target = draw(NAMES.filter(lambda text: "\udcff" not in text))
    return draw(st.sampled_from([file(name), folder(name), link(name, target), hard_link(name, target)]))


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good archive with some bytes changed, and the checksum of their header corrected."""
    content = bytearray(archive(folder("root"), file("root/a"), link("root/b", "/a"), hard_link("c", "root/a")))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content) - 1))
        content[at] = draw(st.integers(0, 255))
        block = at - at % 512
        if draw(st.booleans()):
            content[block : block + 512] = with_checksum(bytes(content[block : block + 512]))
    return bytes(content[: draw(st.integers(0, len(content)))] if draw(st.booleans()) else content)


MADE = st.lists(st.one_of(entries(), pax_entries(), honest_entries()), max_size=6)
HONEST = st.lists(honest_entries(), max_size=8)
ARCHIVES = st.one_of(
    st.one_of(MADE, HONEST).map(lambda members: config() + b"".join(members) + END),
    damaged(),
    st.binary(max_size=2000),
    damaged().map(gzip.compress),
)


def everything_is_inside(recipe: Path) -> None:
    """Fail when something in the unpacked recipe would lead a reader out of it."""
    inside = recipe.resolve()
    for top, folders, files in os.walk(recipe):
        for path in (Path(top) / name for name in [*folders, *files]):
            status = path.lstat()
            assert stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode) or stat.S_ISLNK(status.st_mode), path
            assert stat.S_ISLNK(status.st_mode) or not status.st_mode & 0o6000, path
            if path.relative_to(recipe).parts[0] != "root":
                assert path.resolve().is_relative_to(inside), path


@settings(max_examples=250, deadline=5000, suppress_health_check=[HealthCheck.too_slow])
@given(ARCHIVES)
def test_any_archive_is_refused_or_unpacked_with_everything_inside(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        packed, recipe = Path(scratch, "packed"), Path(scratch, "recipe")
        packed.write_bytes(content)
        recipe.mkdir()
        try:
            recipe_unpacking.run(str(packed), str(recipe), LIMITS)
        except BadInput:
            assert list(recipe.iterdir()) == []
        everything_is_inside(recipe)
        assert sorted(path.name for path in Path(scratch).iterdir()) == ["packed", "recipe"]


@settings(max_examples=40, deadline=10_000, suppress_health_check=[HealthCheck.too_slow])
@given(ARCHIVES)
def test_any_archive_is_refused_or_unpacked_by_the_confined_process(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        packed, recipe = Path(scratch, "packed"), Path(scratch, "recipe")
        packed.write_bytes(content)
        try:
            unpack_recipe(packed, recipe, LIMITS)
        except BadInput:
            assert [path.name for path in Path(scratch).iterdir()] == ["packed"]
        else:
            everything_is_inside(recipe)
