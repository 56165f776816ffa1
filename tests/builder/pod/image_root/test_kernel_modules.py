"""Tests of builder/pod/image_root/kernel_modules.py."""

from pathlib import Path

from builder.pod.image_root.kernel_modules import folders_of_modules, module_versions


def test_folders_without_a_list_of_modules_do_not_count(tmp_path: Path) -> None:
    assert (module_versions(tmp_path), folders_of_modules(tmp_path)) == ([], [])
    for version in ("6.1", "left-over"):
        (tmp_path / "usr/lib/modules" / version / "kernel").mkdir(parents=True)
    (tmp_path / "usr/lib/modules/6.1/modules.dep").touch()
    (tmp_path / "lib").symlink_to("/usr/lib")
    assert module_versions(tmp_path) == ["6.1"]
    assert folders_of_modules(tmp_path) == ["6.1", "left-over"]
