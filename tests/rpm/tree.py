"""The file tree of all packages together, with a merged /usr, and the record of which package owns what."""

import subprocess
import tarfile
from collections import defaultdict
from pathlib import Path, PurePosixPath

from tests.rpm.deb import Deb

MERGED = ("bin", "sbin", "lib", "lib32", "lib64")
_LEFT_OUT = tuple(f"usr/share/{name}/" for name in ("bug", "doc", "doc-base", "info", "lintian", "locale", "man"))


class Tree:
    """The tree; paths are given without the slash at their beginning."""

    def __init__(self, root: Path) -> None:
        self.root = root
        # An ordered set each.
        self._owned: defaultdict[str, dict[str, None]] = defaultdict(dict)

    def owned_by(self, package: str) -> list[str]:
        """Return the paths of a package, in the order they came."""
        return list(self._owned[package])

    def unpack(self, deb: Deb) -> None:
        """Add a package's files, without its documentation."""
        reading = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb.file)], stdout=subprocess.PIPE)
        assert reading.stdout is not None
        with reading, tarfile.open(fileobj=reading.stdout, mode="r|") as tar:
            for member in tar:
                member.name = _merged(member.name)
                member.linkname = _merged(member.linkname) if member.islnk() else member.linkname
                if member.name != "." and not f"{member.name}/".startswith(_LEFT_OUT):
                    tar.extract(member, self.root, numeric_owner=True)
                    self.own(deb.name, member.name)
        assert reading.returncode == 0, deb.file.name

    def own(self, package: str, path: str) -> None:
        """Record that a package owns a path."""
        self._owned[package][path] = None

    def write(self, package: str, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file, in place of what is there."""
        file = self._place(package, path)
        file.write_text(text)
        file.chmod(mode)

    def link(self, package: str, path: str, target: str) -> None:
        """Make a symbolic link, in place of what is there."""
        self._place(package, path).symlink_to(target)

    def folder(self, package: str, path: str, mode: int = 0o755) -> None:
        """Make a folder, or keep the one that is there."""
        folder = self.root / path
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(mode)
        self.own(package, path)

    def move(self, package: str, path: str, new_path: str) -> None:
        """Give a package's file another place."""
        (self.root / path).rename(self.root / new_path)
        del self._owned[package][path]
        self.own(package, new_path)

    def _place(self, package: str, path: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        self.own(package, path)
        return file


def _merged(path: str) -> str:
    relative = PurePosixPath(path)
    return str("usr" / relative if relative.parts[:1] and relative.parts[0] in MERGED else relative)
