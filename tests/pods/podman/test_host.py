import tomllib
from pathlib import Path
from typing import Any

import pytest

from errors import Broken
from pods.podman.host import Host, detect, environment, host_config, merged, overrides

PLAIN = Host(unified_cgroups=True, may_raise_limits=True, has_runc=True, open_files=1 << 20, processes=32768)


def test_a_plain_host_needs_no_configuration() -> None:
    assert overrides(PLAIN) == {}


def test_on_a_cgroup_hybrid_runc_runs_the_containers() -> None:
    hybrid = PLAIN.model_copy(update={"unified_cgroups": False})
    assert overrides(hybrid) == {"engine": {"runtime": "runc"}}


def test_limits_that_may_not_be_raised_are_kept() -> None:
    bounded = PLAIN.model_copy(update={"may_raise_limits": False, "open_files": 20000, "processes": 1000})
    assert overrides(bounded) == {"containers": {"default_ulimits": ["nofile=20000:20000", "nproc=1000:1000"]}}


def test_the_administrators_settings_stay() -> None:
    theirs = {"engine": {"runtime": "crun", "num_locks": 4096}, "network": {"dns": 1}}
    assert merged(theirs, {"engine": {"runtime": "runc"}}) == {
        "engine": {"runtime": "runc", "num_locks": 4096},
        "network": {"dns": 1},
    }


def test_a_chosen_configuration_is_the_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = tmp_path / "mine.conf"
    chosen.write_text("[engine]\nnum_locks = 4096\n")
    monkeypatch.setenv("CONTAINERS_CONF", str(chosen))
    assert host_config() == {"engine": {"num_locks": 4096}}


def test_a_configuration_that_does_not_parse_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = tmp_path / "mine.conf"
    chosen.write_text("[engine\n")
    monkeypatch.setenv("CONTAINERS_CONF", str(chosen))
    with pytest.raises(Broken, match=r"mine\.conf"):
        host_config()


def test_without_podman_the_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Broken, match="not installed") as caught:
        environment(tmp_path)
    assert "apt-get install podman" in caught.value.resolution


@pytest.mark.containers
def test_the_configuration_says_what_this_host_needs(tmp_path: Path) -> None:
    variables = environment(tmp_path)
    needed: dict[str, Any] = overrides(detect())
    if needed:
        written = tomllib.loads(Path(variables["CONTAINERS_CONF"]).read_text())
        assert merged(written, needed) == written
    else:
        assert not (tmp_path / "containers.conf").exists()
