"""Tests of builder/pod/image_root/boot_choice.py: which kernel and initrd are taken, and what is said of it."""

from pathlib import Path

import pytest

from builder.contract.options import NAMED, Options
from builder.pod.image_root.boot_choice import NoBootFile, choose_boot_files, choose_kernel

OLD, NEW = "6.1.0-9-amd64", "6.1.0-31-amd64"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An image root with an empty /boot."""
    (tmp_path / "boot").mkdir()
    return tmp_path


def put(root: Path, *names: str) -> None:
    for name in names:
        (root / "boot" / name).write_text(name)


def add_modules(root: Path, *versions: str) -> None:
    for version in versions:
        folder = root / "usr/lib/modules" / version
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "modules.dep").touch()
    if not (root / "lib").is_symlink():
        (root / "lib").symlink_to("usr/lib")


@pytest.mark.parametrize(
    ("asked", "there", "taken"),
    [
        ("vmlinuz", ["vmlinuz-6.1.0-1-amd64"], "vmlinuz-6.1.0-1-amd64"),
        ("vmlinuz", ["vmlinuz-5.14.21-default", "vmlinux-5.14.21-default.gz"], "vmlinuz-5.14.21-default"),
        ("Image", ["Image-5.14.21-default"], "Image-5.14.21-default"),
        ("Image", ["Image-5.14.21", "vmlinuz-5.14.21"], "Image-5.14.21"),
        ("vmlinuz", ["vmlinuz-6.1.0", "vmlinuz-0-rescue-5f2b", "vmlinuz-6.1.0.old"], "vmlinuz-6.1.0"),
        ("vmlinuz", ["vmlinuz-6.1.0", ".vmlinuz-6.1.0.hmac", "vmlinuz-6.1.0.hmac"], "vmlinuz-6.1.0"),
    ],
    ids=[
        *("Debian's kernel", "SUSE's kernel, with its debug image", "aarch64's kernel", "the asked name comes first"),
        *("rescue and old kernels", "checksum files"),
    ],
)
def test_the_only_kernel_is_taken_and_said_so(root: Path, asked: str, there: list[str], taken: str) -> None:
    put(root, *there, "config-6.1.0", "System.map-6.1.0", "initrd")
    found = choose_boot_files(root, Options(kernel_file_name=asked))
    assert found.kernel == root / "boot" / taken
    assert found.notes == (f"/boot/{asked} is not in the image root: took the only kernel there is, {taken}",)


@pytest.mark.parametrize(
    ("there", "taken"),
    [
        (["initrd.img-6.1.0-1-amd64"], "initrd.img-6.1.0-1-amd64"),
        (["initramfs-5.14.0.img", "initramfs-5.14.0kdump.img"], "initramfs-5.14.0.img"),
        (["initrd-5.14.21-default", "initrd-5.14.21-default-kdump"], "initrd-5.14.21-default"),
    ],
    ids=["Debian's initrd", "Red Hat's initrd, and kdump's", "SUSE's initrd, and kdump's"],
)
def test_the_only_initrd_is_taken_and_said_so(root: Path, there: list[str], taken: str) -> None:
    put(root, *there, "vmlinuz")
    found = choose_boot_files(root, Options())
    assert found.initrd == root / "boot" / taken
    assert found.notes == (f"/boot/initrd is not in the image root: took the only initrd there is, {taken}",)


def test_named_files_are_taken_without_a_word(root: Path) -> None:
    put(root, "vmlinuz", "initrd", "vmlinuz-6.1.0", "vmlinuz-6.6.0", "initrd-6.6.0")
    found = choose_boot_files(root, Options())
    assert (found.kernel, found.initrd, found.notes) == (root / "boot/vmlinuz", root / "boot/initrd", ())
    assert found.others == ("6.1.0", "6.6.0")


def test_a_kernel_beside_its_modules_is_taken(root: Path) -> None:
    """As EL 9 without grub has it: its package puts the kernel into /boot by a script that grub brings."""
    version = "5.14.0-503.el9.x86_64"
    add_modules(root, version)
    (root / f"usr/lib/modules/{version}/vmlinuz").write_text("kernel")
    put(root, f"initramfs-{version}.img")
    found = choose_boot_files(root, Options())
    assert (found.kernel, found.version) == (root / f"usr/lib/modules/{version}/vmlinuz", version)
    assert found.notes[0].endswith(f"took the only kernel there is, /usr/lib/modules/{version}/vmlinuz")


def test_a_kernel_in_boot_and_beside_its_modules_is_one_kernel(root: Path) -> None:
    add_modules(root, NEW)
    (root / f"usr/lib/modules/{NEW}/vmlinuz").write_text("kernel")
    put(root, f"vmlinuz-{NEW}", "initrd")
    assert choose_boot_files(root, Options(kernel_choice=NAMED)).kernel == root / f"boot/vmlinuz-{NEW}"


@pytest.mark.parametrize(
    ("with_modules", "initrds", "taken"),
    [
        ([OLD, NEW], [OLD, NEW], NEW),
        ([OLD], [OLD, NEW], OLD),
        ([OLD, NEW], [OLD], OLD),
        ([], [OLD, NEW], NEW),
    ],
    ids=["the newest", "the newest has no modules", "the newest has no initrd", "no modules at all"],
)
def test_of_several_kernels_the_newest_whole_one_is_taken_with_its_own_initrd(
    root: Path, with_modules: list[str], initrds: list[str], taken: str
) -> None:
    put(root, f"vmlinuz-{OLD}", f"vmlinuz-{NEW}", *(f"initrd.img-{version}" for version in initrds))
    add_modules(root, *with_modules)
    found = choose_boot_files(root, Options())
    assert (found.kernel.name, found.initrd.name) == (f"vmlinuz-{taken}", f"initrd.img-{taken}")
    assert f"of several kernels took vmlinuz-{taken}" in found.notes[0]


def test_an_initrd_of_the_jobs_name_says_which_kernel_it_belongs_to(root: Path) -> None:
    put(root, f"vmlinuz-{OLD}", f"vmlinuz-{NEW}", f"initrd.img-{OLD}", f"initrd.img-{NEW}")
    (root / "boot/initrd").symlink_to(f"initrd.img-{OLD}")
    add_modules(root, OLD, NEW)
    assert choose_boot_files(root, Options()).kernel.name == f"vmlinuz-{OLD}"
    assert choose_kernel(root, Options()).name == f"vmlinuz-{NEW}", "an initrd is made for the newest"


def test_builds_of_one_kernel_are_no_clear_choice(root: Path) -> None:
    versions = ["6.1.0-31-amd64", "6.1.0-31-cloud-amd64"]
    put(root, "initrd", "vmlinuz-6.1.0-9-amd64", *(f"vmlinuz-{version}" for version in versions))
    add_modules(root, "6.1.0-9-amd64", *versions)
    with pytest.raises(NoBootFile) as refused:
        choose_boot_files(root, Options())
    assert str(refused.value) == (
        "/boot/vmlinuz is not in the image root and there are several kernels to choose from: "
        "vmlinuz-6.1.0-31-amd64, vmlinuz-6.1.0-31-cloud-amd64"
    )
    assert refused.value.mend == "ln -s vmlinuz-6.1.0-31-cloud-amd64 /boot/vmlinuz"


def test_a_site_may_want_no_choice_to_be_made(root: Path) -> None:
    put(root, f"vmlinuz-{OLD}", f"vmlinuz-{NEW}", "initrd")
    with pytest.raises(NoBootFile, match=f"several kernels to choose from: vmlinuz-{NEW}, vmlinuz-{OLD}"):
        choose_boot_files(root, Options(kernel_choice=NAMED))


def test_the_command_that_mends_a_root_mends_it(root: Path) -> None:
    put(root, f"vmlinuz-{OLD}", f"vmlinuz-{NEW}", "initrd")
    with pytest.raises(NoBootFile) as refused:
        choose_boot_files(root, Options(kernel_choice=NAMED))
    _, _, target, place = refused.value.mend.split()
    (root / place.lstrip("/")).symlink_to(target)
    assert choose_boot_files(root, Options(kernel_choice=NAMED)).kernel.name == target


def test_a_root_without_boot_has_no_kernel(tmp_path: Path) -> None:
    with pytest.raises(NoBootFile, match="/boot holds nothing"):
        choose_boot_files(tmp_path, Options())


def test_a_root_without_an_initrd_is_told_how_to_make_one(root: Path) -> None:
    put(root, f"vmlinuz-{NEW}")
    with pytest.raises(NoBootFile, match=f"no initrd: there is no /boot/initrd; /boot holds vmlinuz-{NEW}") as refused:
        choose_boot_files(root, Options())
    assert refused.value.mend == f"dracut --no-hostonly --force /boot/initrd {NEW}"


def test_several_initrds_of_other_kernels_are_no_choice(root: Path) -> None:
    put(root, "vmlinuz-7.0", f"initrd-{OLD}", f"initrd-{NEW}")
    with pytest.raises(NoBootFile, match=r"several to choose from, none of kernel 7\.0: "):
        choose_boot_files(root, Options())
