"""builder/pod/inspection/walk.py: one walk that sees every folder and reads no file."""

import os
from pathlib import Path

from builder.pod.inspection.walk import walk


def test_folders_for_all_and_files_like_keys_are_seen(tmp_path: Path) -> None:
    for place, mode in (("a/open", 0o777), ("a/sticky", 0o1777), ("tmp/open", 0o777), ("proc/open", 0o777)):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place).chmod(mode)
    for name in ("a/id_rsa", "a/x.pem", "a/text", "usr/share/test/x.key", "usr/local/x.key"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    seen = walk(tmp_path)
    assert (seen.writable, sorted(seen.keys)) == (["a/open"], ["a/id_rsa", "a/x.pem", "usr/local/x.key"])


def test_no_link_is_followed_and_no_pipe_is_opened(tmp_path: Path) -> None:
    (tmp_path / "outside/open").mkdir(parents=True)
    (tmp_path / "outside/open").chmod(0o777)
    (tmp_path / "root").mkdir()
    (tmp_path / "root/up").symlink_to("../outside")
    os.mkfifo(tmp_path / "root/a.key")
    seen = walk(tmp_path / "root")
    assert (seen.entries, seen.writable, seen.keys) == (2, [], ["a.key"])
