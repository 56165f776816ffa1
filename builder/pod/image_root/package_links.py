"""The links that packages bring, as RPM's database knows them. Debian's packages do not record links.

Only the root's own rpm surely reads its database, and only a pod that may chroot can run it: what it says is noted
beside the root, for the pod that packs it.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

from builder.pod.image_root.boot_files import resolve_in_root
from builder.pod.step import say
from builder.pod.whole_file import whole_file

_DATABASES = tuple(
    f"{folder}/{file}"
    for folder in ("usr/lib/sysimage/rpm", "var/lib/rpm")
    for file in ("rpmdb.sqlite", "Packages.db", "Packages")
)
_QUERY = ("--query", "--all", "--queryformat", "[%{FILENAMES}\t%{FILELINKTOS}\n]")


def note_links(root: Path) -> None:
    """Note what the root's own rpm says, in a root that programs can run in, in place of an earlier note."""
    note = _note(root)
    note.unlink(missing_ok=True)
    if _database(root) is None:
        return
    # An image may do without rpm: then its database is of the kind of the one that has made it, which is here.
    answer, _ = _ask(["chroot", str(root), "rpm", *_QUERY])
    if answer is not None:
        with whole_file(note) as file:
            file.write_text(answer)


def links_of_packages(root: Path) -> dict[str, str]:
    """Return the targets of the packages' links by their paths; none when they are not known, and the log says why."""
    note, database = _note(root), _database(root)
    if note.is_file():
        return links_of(note.read_text())
    if database is None:
        return {}
    with tempfile.TemporaryDirectory() as copy:
        # rpm writes beside a database that it reads.
        shutil.copytree(database.parent, f"{copy}/rpm", symlinks=True, ignore=shutil.ignore_patterns(".*", "__db.*"))
        answer, why = _ask(["rpm", "--dbpath", f"{copy}/rpm", *_QUERY])
    if answer is None:
        say(f"the links of the image's packages are not known: {why}")
    return links_of(answer or "")


def links_of(answer: str) -> dict[str, str]:
    """Return the targets of links by their paths, from the answer of rpm."""
    lines = (line.partition("\t") for line in answer.splitlines())
    return {path.lstrip("/"): target for path, _, target in lines if target}


def _ask(command: list[str]) -> tuple[str | None, str]:
    """Return the answer of rpm, or None and why there is none."""
    try:
        ran = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        return None, str(error)
    said = ran.stderr.strip().splitlines() or [f"exit code {ran.returncode}"]
    return (None, said[-1]) if ran.returncode else (ran.stdout, "")


def _note(root: Path) -> Path:
    return root.parent / "package-links"


def _database(root: Path) -> Path | None:
    return next((file for place in _DATABASES if (file := _file(root, place))), None)


def _file(root: Path, place: str) -> Path | None:
    try:
        path = resolve_in_root(root, place)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return path if path.is_file() and path.stat().st_size else None
