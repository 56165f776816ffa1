"""Tests of builder/pod/kiwi/old_functions.py, on the functions of both kiwis and with real builds."""

import shutil
import subprocess
from pathlib import Path

import pytest

from builder.image import Kiwi, ensure_builder_image
from builder.pod.kiwi.old_functions import GONE, warnings_of_scripts
from tests.builder.test_pod_programs import Lab, lab
from tests.builder_pod import run_in_builder

__all__ = ["lab"]

KIWIS = pytest.mark.parametrize("kiwi", [9, 11], ids=["9.24", "11"])

# Prints what each function that ends scripts in kiwi's own file, or is not in it, comes to once it is made harmless.
_CALL_ALL = """
set -eu
functions=$(python3 -c 'from builder.pod.kiwi.old_functions import *; print(functions_file())')
ending=$(grep -B1 '^    deprecated ' "$functions" | sed -n 's/^function \\([A-Za-z]*\\).*/\\1/p')
python3 -c 'from builder.pod.kiwi.old_functions import *; make_harmless(functions_file())'
cp "$functions" /workspace/once
python3 -c 'from builder.pod.kiwi.old_functions import *; make_harmless(functions_file())'
cmp "$functions" /workspace/once
. "$functions"
for name in $ending $GONE; do
    echo "$name"
    said=$("$name" argument 2>/workspace/warning)
    test -z "$said"
    grep -q "^warning: calls.sh calls $name, which does nothing any more: [^ ]" /workspace/warning
done
# What works is kept.
printf 'NAME="old"\\n' > /workspace/sysconfig
baseUpdateSysConfig /workspace/sysconfig NAME new >&2
grep -q 'NAME="*new' /workspace/sysconfig
"""


@pytest.mark.containers
@KIWIS
def test_what_ended_or_is_gone_does_nothing_and_says_its_name(tmp_path: Path, kiwi: Kiwi) -> None:
    (tmp_path / "calls.sh").write_text(_CALL_ALL)
    ran = run_in_builder(
        ["bash", "/workspace/calls.sh"],
        workspace=tmp_path,
        environment={"GONE": " ".join(GONE)},
        image=ensure_builder_image(kiwi),
    )
    assert ran.returncode == 0, ran.stdout
    called = ran.stdout.split()
    assert {"baseMount", "baseCleanMount", "suseConfig", "suseSetupProductInformation"} <= set(called)
    assert set(GONE) <= set(called)


def test_a_warning_is_shown_once(tmp_path: Path) -> None:
    (tmp_path / "image").mkdir()
    (tmp_path / "image/.warnings").write_text("warning: a\nwarning: b\nwarning: a\n")
    assert warnings_of_scripts(tmp_path) == ["warning: a", "warning: b"]


def test_of_giant_warnings_the_beginning_is_shown(tmp_path: Path) -> None:
    (tmp_path / "image").mkdir()
    with (tmp_path / "image/.warnings").open("wb") as file:
        file.write(b"warning: a \xff\n")
        file.truncate(8 << 30)
    told = warnings_of_scripts(tmp_path)
    assert told[0] == "warning: a \ufffd"
    assert sum(map(len, told)) < 100_000


def test_nothing_outside_the_root_is_shown(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("not the image's\n")
    (tmp_path / "root/image").mkdir(parents=True)
    (tmp_path / "root/image/.warnings").symlink_to(tmp_path / "outside")
    assert warnings_of_scripts(tmp_path / "root") == []


@pytest.fixture(scope="session")
def static_bash(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bash that runs in the tiny root, whose own shell does not read kiwi's functions."""
    folder = tmp_path_factory.mktemp("bash")
    download = ["apt-get", "-o", "APT::Sandbox::User=root", "download", "-q", "bash-static"]
    subprocess.run(download, cwd=folder, check=True, capture_output=True)
    subprocess.run(["dpkg-deb", "--extract", next(folder.glob("bash-static_*.deb")), folder / "package"], check=True)
    return next((folder / "package").rglob("bin/bash-static"))


@pytest.mark.containers
@KIWIS
def test_an_old_recipe_is_built_and_the_warnings_stand_in_the_pods_log(lab: Lab, kiwi: Kiwi, static_bash: Path) -> None:
    lab.image = ensure_builder_image(kiwi)
    if kiwi == 11:
        lab.edit('schemaversion="6.8"', 'schemaversion="8.0"')
    overlay = lab.description / "root/usr/bin"
    overlay.mkdir(parents=True)
    shutil.copy(static_bash, overlay)
    (lab.description / "config.sh").write_text(
        "#!/usr/bin/bash-static\nset -e\ntest -f /.kconfig && . /.kconfig\ntest -f /.profile && . /.profile\n"
        "baseMount\nsuseSetupProductInformation\nsuseSetupProduct\nbaseMount\nsuseGFXBoot openSUSE grub\nsuseConfig\n"
        'baseCleanMount\necho "of $kiwi_iname" > /etc/motd\n'
    )
    # Without the executable bit it is run by the root's own bash, which is busybox's.
    (lab.description / "images.sh").write_text("set -e\n. /.kconfig\nsuseStripPackager -a\n")
    ran = lab.prepare()
    assert ran.returncode == 0, ran.stdout
    assert (lab.workspace / "root/etc/motd").read_text() == "of tiny-rpm\n"
    warned = [line.partition(", which")[0] for line in ran.stdout.splitlines() if line.startswith("warning: ")]
    assert warned == [
        "warning: config.sh calls baseMount",
        "warning: config.sh calls suseSetupProductInformation",
        "warning: config.sh calls suseGFXBoot",
        "warning: config.sh calls suseConfig",
        "warning: config.sh calls baseCleanMount",
        "warning: images.sh calls suseStripPackager",
    ]
