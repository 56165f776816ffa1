"""builder/pod/kiwi/left_in_root.py: credentials of repositories are found in whatever spelling, and not quoted."""

from pathlib import Path

import pytest

from builder.pod.kiwi.credentials import Credentials
from builder.pod.kiwi.left_in_root import refuse_credentials
from builder.pod.step import StepFailed

LONG = Credentials("https://repository.test/a", "user", "canary/of the+site")
SHORT = Credentials("https://repository.test/b", "user", "short")


def put(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


@pytest.mark.parametrize(
    ("name", "text", "one"),
    [
        ("etc/yum.repos.d/a.repo", "baseurl=https://user:canary%2Fof%20the%2Bsite@repository.test/a", LONG),
        ("etc/zypp/credentials.d/a", "password=canary/of the+site", LONG),
        ("var/log/build.log", "canary%2fof%20the%2bsite", LONG),
        ("root/.wgetrc", "https://user:short@repository.test/b", SHORT),
    ],
)
def test_credentials_are_found_and_not_quoted(tmp_path: Path, name: str, text: str, one: Credentials) -> None:
    put(tmp_path, name, text)
    with pytest.raises(StepFailed) as refused:
        refuse_credentials(tmp_path, [LONG, SHORT])
    assert str(refused.value) == f"the image would hold credentials of the build's repositories: /{name}"
    assert one.password not in str(refused.value) + refused.value.advice


def test_a_short_password_alone_is_any_word(tmp_path: Path) -> None:
    put(tmp_path, "etc/motd", "a short text")
    (tmp_path / "etc/link").symlink_to("/etc/shadow")
    refuse_credentials(tmp_path, [LONG, SHORT])


def test_without_credentials_nothing_is_read(tmp_path: Path) -> None:
    refuse_credentials(tmp_path / "none", [])
