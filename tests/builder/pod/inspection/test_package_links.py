"""builder/pod/inspection/package_links.py: links of packages that became folders."""

from pathlib import Path

import pytest

from builder.pod.inspection.package_links import check_package_links
from tests.builder.whole_root import make_root, put


@pytest.mark.parametrize("link", [True, False])
def test_without_a_database_the_usual_links_are_checked(tmp_path: Path, link: bool) -> None:
    root = make_root(tmp_path / "root")
    (root / "run").mkdir()
    for place in ("run", "lock"):
        (root / "var" / place).symlink_to(f"/run/{place}") if link else (root / "var" / place).mkdir()
    found = [each.what for each in check_package_links(root, [])]
    assert found == ([] if link else ["a folder has replaced the link /var/lock (to /run/lock), /var/run (to /run)"])


def test_a_link_of_a_package_that_became_a_folder_is_found(tmp_path: Path) -> None:
    root = make_root(tmp_path / "root")
    put(root, "opt/real/file", "")
    (root / "opt/link").symlink_to("/opt/real")
    (root / "usr/share/b").mkdir(parents=True)
    put(
        root.parent,
        "package-links",
        "/etc/a\t\n/usr/sbin\tbin\n/opt/link\t/opt/real\n/usr/share/b\ta\n/gone\tx\n/lib\tusr/lib\n",
    )
    assert [(each.name, each.what) for each in check_package_links(root, ["lib"])] == [
        ("usr-merge", "a folder has replaced the link /usr/sbin (to bin)"),
        ("replaced-link", "a folder has replaced the link /usr/share/b (to a)"),
    ]
