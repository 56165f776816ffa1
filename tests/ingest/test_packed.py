"""ingest/packed.py: what is packed here is unpacked here; a folder that would be refused is refused when it is packed.

The invariant is stated over trees: kinds, modes, links, hard links, names and content come out as they went in.
"""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from errors import BadInput
from ingest import recipe_unpacking, script_unpacking
from ingest.leftovers import is_leftover
from ingest.limits import Limits
from ingest.packed import pack_recipe, pack_script
from tests.ingest.archives import DESCRIPTION
from tests.ingest.trees import scratch_folder, tree_of

LIMITS = Limits(bytes=1 << 20, entries=200, memory_bytes=128 << 20, seconds=20)
_NAMES = st.text(
    st.characters(exclude_characters="/", exclude_categories=["Cc", "Cs", "Zl", "Zp", "Cf"]), min_size=1, max_size=12
)
NAMES = _NAMES.filter(lambda name: name not in {".", ".."} and not is_leftover(name)) | st.sampled_from(
    ["🐧", "👩\u200d💻", "a" * 255, "root"]
)
JUNK = st.sampled_from(["._a", ".DS_Store", "Thumbs.db", "__MACOSX"])


@st.composite
def trees(draw: st.DrawFn) -> dict[str, tuple[str, int, object]]:
    """Paths with a kind, a mode and what belongs to the kind: content, the target of a link, the other name."""
    made: dict[str, tuple[str, int, object]] = {}
    for _ in range(draw(st.integers(0, 7))):
        parents = ["", *(f"{path}/" for path, entry in made.items() if entry[0] == "folder")]
        path = draw(st.sampled_from(parents)) + draw(NAMES)
        files = [path for path, entry in made.items() if entry[0] == "file"]
        kind = draw(st.sampled_from(["file", "file", "folder", "folder", "link", *(["hard link"] if files else [])]))
        if path in made or path.endswith(".kiwi") or path in {"config.xml", "image"}:
            continue
        if kind == "file":
            made[path] = (
                kind,
                draw(st.sampled_from([0o644, 0o400, 0o755, 0o600, 0o1644])),
                draw(st.binary(max_size=999)),
            )
        elif kind == "folder":
            made[path] = (kind, draw(st.sampled_from([0o755, 0o555, 0o1777, 0o2775, 0o6755, 0o700])), None)
        elif kind == "link":
            made[path] = (kind, 0o777, draw(st.sampled_from(["config.xml", "missing", "é"])))
        else:
            made[path] = (kind, 0, draw(st.sampled_from(files)))
    return made


def write(tree: dict[str, tuple[str, int, object]], top: Path) -> None:
    for path, (kind, _, more) in tree.items():
        if kind == "folder":
            (top / path).mkdir()
        elif kind == "link":
            (top / path).symlink_to(str(more))
        elif kind == "hard link":
            os.link(top / str(more), top / path)
        elif isinstance(more, bytes):
            (top / path).write_bytes(more)
    for path, (kind, mode, _) in reversed(tree.items()):
        if kind in {"file", "folder"}:
            (top / path).chmod(mode)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(trees())
def test_what_went_in_is_what_comes_out(tree: dict[str, tuple[str, int, object]]) -> None:
    with scratch_folder() as scratch:
        top, out, archive = Path(scratch, "recipe"), Path(scratch, "out"), Path(scratch, "recipe.tgz")
        top.mkdir()
        out.mkdir()
        (top / "config.xml").write_bytes(DESCRIPTION)
        write(tree, top)
        assert pack_recipe(top, archive, LIMITS) == []
        assert recipe_unpacking.run(str(archive), str(out), LIMITS) == ""
        assert tree_of(out) == tree_of(top)
        assert not any(path.stat().st_mode & 0o6000 for path in out.rglob("*") if path.is_dir())


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    folder = tmp_path / "project" / "recipe"
    folder.mkdir(parents=True)
    (folder / "config.xml").write_bytes(DESCRIPTION)
    return folder


def test_a_recipe_made_in_a_setgid_folder_is_packed_and_unpacked(tmp_path: Path, recipe: Path) -> None:
    recipe.parent.chmod(0o2775)
    recipe.chmod(0o2775)
    (recipe / "root" / "etc").mkdir(parents=True)
    (recipe / "root" / "etc" / "motd").write_text("hello")
    assert (recipe / "root").stat().st_mode & stat.S_ISGID
    pack_recipe(recipe, tmp_path / "recipe.tgz", LIMITS)
    (tmp_path / "out").mkdir()
    recipe_unpacking.run(str(tmp_path / "recipe.tgz"), str(tmp_path / "out"), LIMITS)
    assert [stat.S_IMODE((tmp_path / "out" / path).stat().st_mode) for path in ("root", "root/etc")] == [0o755, 0o755]


def test_files_of_other_systems_are_not_packed(tmp_path: Path, recipe: Path) -> None:
    for name in ("._config.xml", ".DS_Store", "root/Thumbs.db", "__MACOSX/x"):
        (recipe / name).parent.mkdir(exist_ok=True)
        (recipe / name).write_text("x")
    left_out = pack_recipe(recipe, tmp_path / "recipe.tgz", LIMITS)
    assert left_out == [".DS_Store", "._config.xml", "__MACOSX", "__MACOSX/x", "root/Thumbs.db"]
    (tmp_path / "out").mkdir()
    recipe_unpacking.run(str(tmp_path / "recipe.tgz"), str(tmp_path / "out"), LIMITS)
    assert set(tree_of(tmp_path / "out")) == {"config.xml", "root"}


def test_the_only_folder_of_a_script_stays_when_the_script_is_named_by_it(tmp_path: Path) -> None:
    (tmp_path / "script" / "bin").mkdir(parents=True)
    (tmp_path / "script" / "bin" / "go").write_text("x")
    pack_script(tmp_path / "script", tmp_path / "script.tgz", LIMITS)
    for entry, names in (("bin/go", {"bin", "bin/go"}), ("go", {"go"})):
        out = tmp_path / f"out-{len(names)}"
        out.mkdir()
        assert script_unpacking.run(str(tmp_path / "script.tgz"), str(out), [entry], LIMITS) == [entry, ""]
        assert set(tree_of(out)) == names


def _without_description(folder: Path) -> None:
    (folder / "config.xml").unlink()


def _unreadable(folder: Path) -> None:
    (folder / "x").touch(0o200)


REFUSED = {
    "no description": (_without_description, "holds no description"),
    "a link out of it": (lambda folder: (folder / "x").symlink_to("../other"), "'x'.*leads out of the archive"),
    "a setuid file": (lambda folder: ((folder / "x").touch(), (folder / "x").chmod(0o4755)), "'x' is setuid or setgid"),
    "an unreadable file": (_unreadable, "'x' has mode 0200|cannot be packed"),
    "a name with a line break": (lambda folder: (folder / "x\ny").touch(), r"'x\\ny' holds control"),
    "a name that is not UTF-8": (lambda folder: (folder / os.fsdecode(b"x\xff")).touch(), "is not UTF-8"),
    "too many files": (lambda folder: [(folder / f"{number}").touch() for number in range(201)], "more than 200 files"),
    "too much": (lambda folder: (folder / "x").write_bytes(bytes(1 << 20)), "unpacks to more than 1048576 bytes"),
}


@pytest.mark.parametrize(("change", "why"), REFUSED.values(), ids=REFUSED)
def test_what_the_unpacker_would_refuse_is_refused_when_it_is_packed(
    tmp_path: Path, recipe: Path, change: object, why: str
) -> None:
    assert callable(change)
    change(recipe)
    with pytest.raises(BadInput, match=why):
        pack_recipe(recipe, tmp_path / "recipe.tgz", LIMITS)
