"""What an image root holds, entry by entry, with all that a squashfs keeps of each: for comparing two of them."""

import json
import shutil
import uuid
from pathlib import Path
from typing import Any

from tests.builder_pod import run_in_builder

# Inode numbers differ in every root: of hard links it is told which names are one file.
_LIST = r"""
import hashlib, json, os, stat, sys
found, names = {}, {}
for folder, folders, files in os.walk("/workspace/root"):
    for name in ["", *folders, *files] if folder == "/workspace/root" else [*folders, *files]:
        path = os.path.join(folder, name).rstrip("/")
        known = os.lstat(path)
        inside = os.path.relpath(path, "/workspace/root")
        entry = found[inside] = {
            "mode": f"{known.st_mode:o}", "owner": [known.st_uid, known.st_gid],
            "xattrs": {name: os.getxattr(path, name, follow_symlinks=False).hex()
                       for name in sorted(os.listxattr(path, follow_symlinks=False))},
        }
        if not stat.S_ISDIR(known.st_mode):
            entry["time"] = int(known.st_mtime)
            names.setdefault(known.st_ino, []).append(inside)
        if stat.S_ISREG(known.st_mode):
            entry["sha256"] = hashlib.sha256(open(path, "rb").read()).hexdigest()
        elif stat.S_ISLNK(known.st_mode):
            entry["target"] = os.readlink(path)
        elif stat.S_ISCHR(known.st_mode) or stat.S_ISBLK(known.st_mode):
            entry["device"] = [os.major(known.st_rdev), os.minor(known.st_rdev)]
for same in names.values():
    for inside in same:
        found[inside]["links"] = sorted(same)
json.dump(found, sys.stdout)
"""

Listing = dict[str, dict[str, Any]]


def listing(rootfs: Path, scratch: Path) -> Listing:
    """Unpack a rootfs where all of it can be made, and return what is in it by path."""
    folder = scratch / f"listed-{uuid.uuid4().hex[:8]}"
    folder.mkdir()
    shutil.copyfile(rootfs, folder / "rootfs")
    (folder / "list.py").write_text(_LIST)
    script = "unsquashfs -quiet -no-progress -dest root rootfs >&2 && python3 list.py > listing.json"
    done = run_in_builder(["sh", "-c", f"cd /workspace && {script}"], workspace=folder)
    assert done.returncode == 0, done.stdout
    found: Listing = json.loads((folder / "listing.json").read_text())
    shutil.rmtree(folder)
    return found
