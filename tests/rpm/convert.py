"""The program that makes the distribution, in the builder container: `python3 -m tests.rpm.convert DEBS REPOSITORY`.

The tree is made in the container's own layer: it holds device nodes and files of many owners, and goes with it.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.rpm.deb import read_debs
from tests.rpm.spec import write_spec
from tests.rpm.system_files import add_system_files
from tests.rpm.tree import Tree
from tests.rpm.trust import add_trust_commands

# The same debs make the same RPMs.
_BUILD_TIME = "1700000000"


def convert(folder: Path, repository: Path) -> None:
    """Make a repository of RPMs from a folder of debs."""
    scratch = Path(tempfile.mkdtemp())
    debs = read_debs(folder)
    tree = Tree(scratch / "root")
    tree.root.mkdir()
    for deb in debs:
        tree.unpack(deb)
    [kernel] = [deb.name for deb in debs if deb.name.startswith("linux-image-") and deb.name[12].isdigit()]
    add_system_files(tree, kernel)
    add_trust_commands(tree)
    spec = scratch / "distribution.spec"
    spec.write_text(write_spec(debs, tree))
    _build(spec, tree.root, repository)


def _build(spec: Path, root: Path, repository: Path) -> None:
    definitions = {
        "_topdir": spec.parent / "rpmbuild",
        "_rpmdir": repository,
        "_build_name_fmt": "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
        # Documentation was left out, and so were the folders it lay in.
        "_unpackaged_files_terminate_build": 0,
        "use_source_date_epoch_as_buildtime": 1,
        "clamp_mtime_to_source_date_epoch": 1,
    }
    options = [option for name, value in definitions.items() for option in ("--define", f"{name} {value}")]
    # Requirements are those of the packages, not of this build.
    command = ["rpmbuild", "-bb", "--quiet", "--nodeps", "--noclean", *options, "--buildroot", str(root), str(spec)]
    subprocess.run(command, env={**os.environ, "SOURCE_DATE_EPOCH": _BUILD_TIME}, check=True)
    timestamps = ("--revision", "1", "--set-timestamp-to-revision")
    subprocess.run(["createrepo_c", "--quiet", *timestamps, str(repository)], check=True)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
