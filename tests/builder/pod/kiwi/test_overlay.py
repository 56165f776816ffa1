"""builder/pod/kiwi/overlay.py: an overlay keeps the root's links, as `rsync --keep-dirlinks` does inside a root."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from builder.pod.kiwi.overlay import OverlayConflict, arrange, before_each_copy, main
from tests.builder.whole_root import make_root, put
from tests.builder_pod import run_in_builder
from tests.repository import REPOSITORY


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    """As the field's recipe has it: root/lib and root/sbin for a distribution whose /lib and /sbin are links."""
    folder = tmp_path / "description/root"
    put(folder, "lib/systemd/system/site.service", "[Unit]\n")
    put(folder, "sbin/site-tool", "#!/bin/sh\n", 0o755)
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_root(tmp_path / "root")


def files(folder: Path) -> set[str]:
    return {str(each.relative_to(folder)) for each in folder.rglob("*") if not each.is_dir() or each.is_symlink()}


def test_what_lies_below_a_link_goes_to_where_it_leads(overlay: Path, root: Path) -> None:
    notes = arrange(overlay, root)
    assert files(overlay) == {"usr/lib/systemd/system/site.service", "usr/sbin/site-tool"}
    assert notes[0] == "the overlay's /lib goes to /usr/lib, where the image's link leads"


def test_a_root_without_links_changes_nothing(overlay: Path, tmp_path: Path) -> None:
    (tmp_path / "plain/lib").mkdir(parents=True)
    before = files(overlay)
    assert (arrange(overlay, tmp_path / "plain"), files(overlay)) == ([], before)


def test_an_absolute_link_stays_in_the_root(overlay: Path, root: Path) -> None:
    (root / "run").mkdir()
    (root / "var/run").symlink_to("/run")
    put(overlay, "var/run/site/pid", "1")
    arrange(overlay, root)
    assert "run/site/pid" in files(overlay)


def test_a_link_of_the_overlay_itself_stays(overlay: Path, root: Path) -> None:
    (overlay / "bin").symlink_to("usr/bin")
    arrange(overlay, root)
    assert (overlay / "bin").is_symlink()


def test_files_that_meet_are_one_or_a_conflict(overlay: Path, root: Path) -> None:
    put(overlay, "usr/sbin/site-tool", "#!/bin/sh\n", 0o755)
    put(overlay, "usr/lib/systemd/system/site.service", "[Unit] of another\n")
    with pytest.raises(OverlayConflict, match=r"two different files for site\.service: .*/lib/.* and .*/usr/lib/"):
        arrange(overlay, root)
    put(overlay, "usr/lib/systemd/system/site.service", "[Unit]\n")
    arrange(overlay, root)
    assert files(overlay) == {"usr/lib/systemd/system/site.service", "usr/sbin/site-tool"}


def test_an_overlay_made_with_umask_077_closes_no_folder_of_the_system(overlay: Path, root: Path) -> None:
    """The field's recipe: root/ and root/etc are 0700, a tool of the site, too."""
    put(overlay, "etc/passwd", "root\n", 0o600)
    put(overlay, "root/.ssh/authorized_keys", "", 0o600)
    put(overlay, "usr/local/bin/tool", "#!/bin/sh\n", 0o700)
    (root / "root").mkdir(mode=0o755)
    for place in ("", "etc", "usr", "root"):
        (overlay / place).chmod(0o700)
    notes = arrange(overlay, root)
    modes = {place: (overlay / place).stat().st_mode & 0o777 for place in ("", "etc", "usr", "root", "etc/passwd")}
    assert modes == {"": 0o755, "etc": 0o755, "usr": 0o755, "root": 0o700, "etc/passwd": 0o644}
    assert (overlay / "usr/local/bin/tool").stat().st_mode & 0o777 == 0o700, "the site's own file is its own"
    assert notes[-1].startswith("the overlay would have closed /, /etc, /usr, /etc/passwd to all but root: ")


@pytest.mark.parametrize("count", [10, 11])
def test_of_many_folders_that_stay_open_some_are_named(overlay: Path, root: Path, count: int) -> None:
    for number in range(count - 1):
        (overlay / f"opt-{number}").mkdir(mode=0o700)
        (root / f"opt-{number}").mkdir()
    overlay.chmod(0o700)
    assert (" and 1 others to all but root" in arrange(overlay, root)[-1]) is (count > 10)


@pytest.mark.parametrize("closed", [True, False], ids=["umask 077", "one folder closed on purpose"])
def test_an_overlay_made_with_umask_077_closes_nothing_that_is_open_in_the_image(
    overlay: Path, root: Path, closed: bool
) -> None:
    for place, mode in (("etc/ssl/certs/a.pem", 0o644), ("usr/share/zoneinfo/UTC", 0o644), ("etc/shadow", 0o640)):
        put(root, place, "image", mode)
        put(overlay, place, "overlay", 0o600)
    put(overlay, "etc/site/key", "secret", 0o600)
    for place in ("etc/ssl", "etc/ssl/certs", "usr/share/zoneinfo", "etc/site"):
        (overlay / place).chmod(0o700)
    overlay.chmod(0o700 if closed else 0o755)
    arrange(overlay, root)
    places = ("etc/ssl/certs", "etc/ssl/certs/a.pem", "usr/share/zoneinfo", "etc/shadow", "etc/site", "etc/site/key")
    modes = [(overlay / place).stat().st_mode & 0o777 for place in places]
    assert modes == (
        [0o755, 0o644, 0o755, 0o640, 0o700, 0o600] if closed else [0o700, 0o600, 0o700, 0o600, 0o700, 0o600]
    )


def test_only_copies_of_the_description_are_rearranged(overlay: Path, root: Path, tmp_path: Path) -> None:
    before = files(overlay)
    assert main([str(tmp_path / "other"), "-a", f"{overlay}/", str(root)]) == 0
    assert files(overlay) == before
    (root / "image").mkdir()
    assert main([str(overlay.parent), "-a", f"{overlay}/", str(root)]) == 0
    assert files(overlay) != before
    assert (root / "image/.warnings").read_text().startswith("warning: the overlay's /lib goes to /usr/lib")


# Random overlays over a root with links: the copy of the rearranged one is what --keep-dirlinks makes.
_COMPARE = r"""
import json, random, shutil, subprocess, sys
from pathlib import Path
sys.path.insert(0, "/usr/lib/ims")
from builder.pod.kiwi.overlay import OverlayConflict, arrange

def listing(root):
    found = {}
    for each in sorted(root.rglob("*")):
        kind = str(each.readlink()) if each.is_symlink() else each.read_text() if each.is_file() else "folder"
        found[str(each.relative_to(root))] = kind
    return found

here, compared, different = Path("/tmp/compare"), 0, []
for seed in range(60):
    dice = random.Random(seed)
    shutil.rmtree(here, ignore_errors=True)
    for name in ("usr/bin", "usr/lib/systemd", "usr/lib64", "etc", "opt/a/b"):
        (here / "root" / name).mkdir(parents=True)
    links = {"bin": "usr/bin", "lib": "usr/lib", "sbin": "usr/bin", "opt/link": "a/b", "gone": "x"}
    for name, target in links.items():
        if dice.random() < 0.8:
            (here / "root" / name).symlink_to(target)
    for number in range(dice.randrange(1, 7)):
        places = "bin lib/systemd sbin usr/bin usr/lib etc opt/link/deep gone opt/a/b"
        folder = dice.choice(places.split())
        (here / "overlay" / folder).mkdir(parents=True, exist_ok=True)
        (here / "overlay" / folder / f"file{number}").write_text(str(number))
    for copy in ("root", "overlay"):
        subprocess.run(["cp", "-a", here / copy, here / f"{copy}2"], check=True)
    rsync = ["rsync", "-a", "--keep-dirlinks", f"{here}/overlay2/", f"{here}/root2"]
    subprocess.run(rsync, check=True)
    arrange(here / "overlay", here / "root")
    subprocess.run(["rsync", "-a", f"{here}/overlay/", f"{here}/root"], check=True)
    compared += 1
    if listing(here / "root") != listing(here / "root2"):
        different.append(seed)
print(json.dumps([compared, different]))
"""


@pytest.mark.containers
def test_the_root_is_what_rsync_with_keep_dirlinks_makes(tmp_path: Path) -> None:
    ran = run_in_builder(["python3", "-c", _COMPARE], workspace=tmp_path)
    assert json.loads(ran.stdout.splitlines()[-1]) == [60, []], ran.stdout


def test_the_rsync_that_kiwi_finds_is_ours(overlay: Path, root: Path, tmp_path: Path) -> None:
    environment = os.environ | before_each_copy(tmp_path / "programs", overlay.parent)
    environment["PYTHONPATH"] = str(REPOSITORY)
    subprocess.run(["sh", "-c", f'rsync -a "{overlay}/" "{root}" || true'], env=environment, capture_output=True)
    assert files(overlay) == {"usr/lib/systemd/system/site.service", "usr/sbin/site-tool"}
