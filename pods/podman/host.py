"""A containers.conf of our own for Podman, only where the host's own is not enough.

Nothing of the host is changed; the file extends what the administrator configured.
"""

import os
import resource
import shutil
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import BaseModel, ConfigDict

from errors import Broken

# The order in which Podman reads them (containers.conf(5)); CONTAINERS_CONF stands in for all of them.
HOST_CONFIGS = (Path("/usr/share/containers/containers.conf"), Path("/etc/containers/containers.conf"))
HOST_CONFIG_FOLDER = Path("/etc/containers/containers.conf.d")
CGROUP_V2_MARK = Path("/sys/fs/cgroup/cgroup.controllers")
CAP_SYS_RESOURCE = 24


class Host(BaseModel):
    """The properties of a host that Podman's configuration depends on."""

    model_config = ConfigDict(frozen=True)

    unified_cgroups: bool
    may_raise_limits: bool
    has_runc: bool
    open_files: int
    processes: int


def detect() -> Host:
    """Look at this host, with the rights of this process."""
    return Host(
        unified_cgroups=CGROUP_V2_MARK.exists(),
        may_raise_limits=bool(_effective_capabilities() >> CAP_SYS_RESOURCE & 1),
        has_runc=shutil.which("runc") is not None,
        open_files=_hard_limit(resource.RLIMIT_NOFILE),
        # Podman lowers its own limit on processes to the largest process id.
        processes=min(_hard_limit(resource.RLIMIT_NPROC), int(Path("/proc/sys/kernel/pid_max").read_text())),
    )


def overrides(host: Host) -> dict[str, dict[str, Any]]:
    """Return the settings that Podman needs on this host; none on a plain one."""
    settings: dict[str, dict[str, Any]] = {}
    if not host.unified_cgroups and host.has_runc:
        # crun refuses the hybrid of cgroup v1 and v2.
        settings["engine"] = {"runtime": "runc"}
    if not host.may_raise_limits:
        # Podman's defaults lie above the hard limits, and the runtime may not raise those.
        settings["containers"] = {
            "default_ulimits": [
                f"nofile={host.open_files}:{host.open_files}",
                f"nproc={host.processes}:{host.processes}",
            ]
        }
    return settings


def environment(state_dir: Path) -> dict[str, str]:
    """Return the environment for Podman, writing `containers.conf` into the state folder where one is needed.

    Raises:
        Broken: Podman is missing, this is not root, or the host's own configuration does not parse.
    """
    if shutil.which("podman") is None:
        raise Broken("podman is not installed", resolution="apt-get install podman catatonit netavark iptables")
    if os.geteuid() != 0:
        raise Broken(
            "pods are run as root: image builds mount file systems and make device nodes",
            resolution="start this as root",
        )
    variables = dict(os.environ)
    if wanted := overrides(detect()):
        config = state_dir / "containers.conf"
        _write(config, merged(host_config(), wanted))
        variables["CONTAINERS_CONF"] = str(config)
    return variables


def host_config() -> dict[str, Any]:
    """Return Podman's configuration as the administrator left it."""
    if chosen := os.environ.get("CONTAINERS_CONF"):
        files = [Path(chosen)]
    else:
        files = [*HOST_CONFIGS, *sorted(HOST_CONFIG_FOLDER.glob("*.conf"))]
    config: dict[str, Any] = {}
    for file in files:
        if file.is_file():
            config = merged(config, _read(file))
    return config


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return the tables of `base` with those of `over` laid over them, key by key."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise Broken(f"{file} does not parse: {error}", resolution="correct that file") from error


def _write(file: Path, config: dict[str, Any]) -> None:
    # Renamed when whole: a Podman of another job may be reading it right now.
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("wb", dir=file.parent, prefix=file.name, delete=False) as fresh:
        tomli_w.dump(config, fresh)
    Path(fresh.name).replace(file)


def _hard_limit(kind: int) -> int:
    hard = resource.getrlimit(kind)[1]
    return hard if hard != resource.RLIM_INFINITY else 1 << 20


def _effective_capabilities() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0
