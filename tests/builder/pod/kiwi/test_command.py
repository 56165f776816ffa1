"""Tests of builder/pod/kiwi/command.py, with the kiwis of both builder images."""

import shutil
import urllib.request
from pathlib import Path

import pytest

from builder.image import Kiwi, ensure_builder_image
from builder.pod.kiwi.command import prepare_command
from tests.builder_pod import run_in_builder
from tests.distribution import KERNEL_VERSION, TINY_RECIPE


def test_what_is_not_asked_for_is_not_said() -> None:
    assert prepare_command(Path("/d"), Path("/r"), log_file=Path("/l")) == [
        *("kiwi-ng", "--logfile", "/l", "system", "prepare", "--description", "/d", "--root", "/r"),
    ]


def test_what_is_asked_for_stands_where_kiwi_looks_for_it() -> None:
    command = prepare_command(
        Path("/d"),
        Path("/r"),
        log_file=Path("/l"),
        profiles=["a", "b"],
        target_arch="aarch64",
        bootstrap_packages=[Path("/ca.rpm")],
        signing_keys=[Path("/keys/one"), Path("/keys/two")],
        options=["--add-package", "less"],
    )
    before, after = command[: command.index("system")], command[command.index("system") :]
    assert before[3:] == ["--target-arch", "aarch64", "--profile", "a", "--profile", "b"]
    assert after[6:] == [
        *("--add-bootstrap-package", "file:///ca.rpm", "--signing-key", "/keys/one", "--signing-key", "/keys/two"),
        *("--add-package", "less"),
    ]


_KEY = "gpg --batch --quiet --passphrase '' --quick-generate-key tests && gpg --armor --export tests > /workspace/key"
_PREPARE = """
import subprocess
from pathlib import Path
from builder.pod.kiwi.command import kiwi_version, prepare_command
print(kiwi_version(), flush=True)
here = Path("/workspace")
command = prepare_command(
    here / "description", here / "root", log_file=here / "kiwi.log", profiles=["extra"], target_arch="x86_64",
    bootstrap_packages=[here / "kernel.rpm"], signing_keys=[here / "key"], options=["--allow-existing-root"],
)
raise SystemExit(subprocess.run(command, check=False).returncode)
"""


@pytest.mark.containers
@pytest.mark.parametrize(
    ("kiwi", "version", "schema"), [(9, "9.24.56", "6.8"), (11, "11.1.6", "8.0")], ids=["9.24", "11"]
)
def test_kiwi_takes_every_option(tiny_repository: str, tmp_path: Path, kiwi: Kiwi, version: str, schema: str) -> None:
    shutil.copytree(TINY_RECIPE, tmp_path / "description")
    (tmp_path / "description/extra/srv").mkdir(parents=True)
    (tmp_path / "description/extra/srv/of-the-profile").touch()
    config = tmp_path / "description/config.xml"
    text = config.read_text().replace("{{ repository }}", tiny_repository).replace('"6.8"', f'"{schema}"')
    text = text.replace('    <package name="tiny-kernel"/>\n', "")
    text = text.replace("  <pref", '  <profiles><profile name="extra" description="e"/></profiles>\n  <pref', 1)
    config.write_text(text)
    package = f"{tiny_repository}x86_64/tiny-kernel-1-1.x86_64.rpm"
    urllib.request.urlretrieve(package, tmp_path / "kernel.rpm")
    # Refused without the further option.
    (tmp_path / "root").mkdir()
    (tmp_path / "prepare.py").write_text(_PREPARE)
    ran = run_in_builder(
        ["sh", "-c", f"{_KEY} && exec python3 /workspace/prepare.py"],
        workspace=tmp_path,
        image=ensure_builder_image(kiwi),
    )
    assert ran.returncode == 0, ran.stdout
    assert version in ran.stdout.splitlines()
    root = tmp_path / "root"
    assert (root / f"boot/vmlinuz-{KERNEL_VERSION}").exists()
    assert (root / "srv/of-the-profile").exists()
