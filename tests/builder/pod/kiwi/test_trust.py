"""Tests of builder/pod/kiwi/trust.py: the script that kiwi runs in a root is run for real, in a folder for a root."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from builder.pod.kiwi.old_functions import warnings_of_scripts
from builder.pod.kiwi.trust import trust_in_root
from tests.builder_pod import run_in_builder
from tests.certificates import Authority

AUTHORITY = Authority("Site")
SCRIPT = "post_bootstrap.sh"
ADDED = "etc/ssl/updated"


@pytest.fixture
def certificates(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "ca"
    folder.mkdir()
    files = [folder / "00.pem", folder / "01.pem"]
    for file, authority in zip(files, (AUTHORITY, Authority("Two")), strict=True):
        file.write_bytes(authority.pem)
    return files


@pytest.fixture
def description(tmp_path: Path) -> Path:
    folder = tmp_path / "description"
    folder.mkdir()
    return folder


def run_in(root: Path, description: Path, *, tool: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the description's script with sh, its paths of the root led into a folder.

    Args:
        root: The folder.
        description: Where the script lies.
        tool: Whether the root has an update-ca-certificates.
    """
    for name in ("usr/local/share", "image", "etc/ssl", "bin"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for program in ("sh", "bash", "mkdir", "cat", "chmod", "touch"):
        shutil.copy(str(shutil.which(program)), root / "bin")
    if tool:
        (root / "bin/update-ca-certificates").write_text(f"#!/bin/sh\ntouch {root}/{ADDED}\n")
        (root / "bin/update-ca-certificates").chmod(0o755)
    text = (description / SCRIPT).read_bytes()
    for path in (b"/usr/local/share", b"/image/"):
        text = text.replace(path, bytes(root) + path)
    (root / "image" / SCRIPT).write_bytes(text)
    return subprocess.run(
        ["sh", root / "image" / SCRIPT],
        env={"PATH": f"{root}/bin"},
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=False,
        timeout=20,
    )


def test_the_script_puts_the_certificates_into_the_root_and_refreshes_its_trust(
    tmp_path: Path, description: Path, certificates: list[Path]
) -> None:
    trust_in_root(certificates, description)
    assert os.access(description / SCRIPT, os.X_OK)
    ran = run_in(tmp_path / "root", description)
    assert ran.returncode == 0, ran.stderr
    anchors = sorted((tmp_path / "root/usr/local/share/ca-certificates").iterdir())
    assert [anchor.name for anchor in anchors] == ["ims-site-ca-00.crt", "ims-site-ca-01.crt"]
    assert [anchor.read_text() for anchor in anchors] == [each.read_text() for each in certificates]
    assert (tmp_path / "root" / ADDED).exists()


def test_a_root_without_the_tool_is_warned_about(tmp_path: Path, description: Path, certificates: list[Path]) -> None:
    trust_in_root(certificates, description)
    root = tmp_path / "root"
    assert run_in(root, description, tool=False).returncode == 0
    [warning] = warnings_of_scripts(root)
    assert warning.startswith("warning: the image has no update-ca-certificates")


def test_without_certificates_the_recipes_script_stays_as_it_is(description: Path) -> None:
    trust_in_root([], description)
    assert list(description.iterdir()) == []


OWN = {
    "with sh": ("#!/bin/sh\necho \"own $0\" 'q' $((1+1)) `echo b` \\\\ %s {anchors}\n", 0o755, "'q' 2 b"),
    "for bash, without the bit": ('a=(x y); echo "own ${a[1]}"\n', 0o644, "own y"),
    "without a line's end": ("#!/bin/sh\necho own", 0o755, "own"),
    "with a here-document": ("#!/bin/sh\ncat <<'END OF'\nown $HOME\nEND OF\n", 0o755, "own $HOME"),
}


@pytest.mark.parametrize(("text", "mode", "said"), OWN.values(), ids=OWN)
def test_the_recipes_own_script_runs_after_ours(
    tmp_path: Path, description: Path, certificates: list[Path], text: str, mode: int, said: str
) -> None:
    (description / SCRIPT).write_text(text)
    (description / SCRIPT).chmod(mode)
    trust_in_root(certificates, description)
    ran = run_in(tmp_path / "root", description)
    assert ran.returncode == 0, ran.stderr
    assert said.replace("'q'", "q") in ran.stdout
    assert (tmp_path / "root" / ADDED).exists()
    assert [file.name for file in description.iterdir()] == [SCRIPT]


def test_the_recipes_script_is_taken_byte_by_byte(tmp_path: Path, description: Path, certificates: list[Path]) -> None:
    own = b"#!/bin/sh\n# caf\xe9 \xff\necho 'caf\xe9'\n"
    (description / SCRIPT).write_bytes(own)
    (description / SCRIPT).chmod(0o755)
    trust_in_root(certificates, description)
    run_in(tmp_path / "root", description)
    assert (tmp_path / "root/image/post_bootstrap_of_recipe.sh").read_bytes() == own


def test_the_exit_code_is_that_of_the_recipes_script(
    tmp_path: Path, description: Path, certificates: list[Path]
) -> None:
    (description / SCRIPT).write_text("#!/bin/sh\nexit 7\n")
    (description / SCRIPT).chmod(0o755)
    trust_in_root(certificates, description)
    assert run_in(tmp_path / "root", description).returncode == 7


def test_a_file_of_the_recipe_does_not_stand_in_for_its_script(
    tmp_path: Path, description: Path, certificates: list[Path]
) -> None:
    (description / SCRIPT).write_text("#!/bin/sh\necho the right one\n")
    (description / SCRIPT).chmod(0o755)
    (description / "post_bootstrap_of_recipe.sh").write_text("#!/bin/sh\necho another\n")
    trust_in_root(certificates, description)
    assert run_in(tmp_path / "root", description).stdout == "the right one\n"


@pytest.mark.parametrize("there", [True, False], ids=["a link", "a link to nothing"])
def test_a_link_is_not_written_through(
    tmp_path: Path, description: Path, certificates: list[Path], there: bool
) -> None:
    target = tmp_path / "outside.sh"
    if there:
        target.write_text("echo linked\n")
    (description / SCRIPT).symlink_to(target)
    trust_in_root(certificates, description)
    assert not (description / SCRIPT).is_symlink()
    assert (target.read_text() if there else target.exists()) == ("echo linked\n" if there else False)
    assert ("linked" in run_in(tmp_path / "root", description).stdout) is there


@pytest.mark.containers
def test_this_container_trusts_them(tmp_path: Path, certificates: list[Path]) -> None:
    program = (
        "from pathlib import Path; from builder.pod.kiwi.trust import trust; "
        "trust(sorted(Path('/workspace/ca').glob('*.pem')))"
    )
    ran = run_in_builder(
        ["sh", "-c", f'python3 -c "{program}"; openssl verify /workspace/ca/0*.pem'], workspace=tmp_path
    )
    assert ran.stdout.splitlines() == [
        "the build trusts 2 certificate authorities of the site",
        "/workspace/ca/00.pem: OK",
        "/workspace/ca/01.pem: OK",
    ]
