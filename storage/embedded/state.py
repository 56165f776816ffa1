"""What the embedded S3 server keeps between two starts: its credentials and its ports."""

import json
import os
import random
import secrets
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from errors import Broken, Corrupt

# SeaweedFS opens a second port for each service, this far above the first.
GRPC_OFFSET = 10_000
# Both ports of a pair lie below the range that Linux hands out to outgoing connections (32768 and above).
FIRST_PORT, LAST_PORT = 12_000, 22_000
# Where SeaweedFS puts its Unix sockets, whatever TMPDIR says; they are named by port, in all network namespaces alike.
SOCKETS_DIR = Path("/tmp")  # noqa: S108


@dataclass(frozen=True)
class Ports:
    """The port of each of SeaweedFS's services."""

    s3: int
    master: int
    volume: int
    filer: int
    admin: int

    @classmethod
    def choose(cls) -> Self:
        """Return ports that are free now."""
        candidates = list(range(FIRST_PORT, LAST_PORT))
        random.shuffle(candidates)
        free = (port for port in candidates if _is_free(port))
        try:
            return cls(*(next(free) for _ in range(5)))
        except (StopIteration, RuntimeError) as error:
            raise Broken(f"no free ports between {FIRST_PORT} and {LAST_PORT} on 127.0.0.1") from error

    def are_free(self) -> bool:
        """Return whether all of them are free now."""
        return all(_is_free(port) for port in asdict(self).values())

    def remove_sockets(self) -> None:
        """Remove the sockets that a server on these ports left in /tmp."""
        for port in asdict(self).values():
            for path in _sockets(port):
                path.unlink(missing_ok=True)


@dataclass(frozen=True)
class ServerState:
    """Credentials, made once, and ports, kept while they are free."""

    access_key: str
    secret_key: str
    ports: Ports

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Return what the folder holds, completed where something is missing or a port is taken.

        Raises:
            Corrupt: the file is there and cannot be read.
        """
        file = folder / "state.json"
        kept = _read(file)
        if kept is None:
            state = cls(secrets.token_hex(10), secrets.token_hex(20), Ports.choose())
        else:
            access_key, secret_key, ports = kept
            state = cls(access_key, secret_key, ports if ports.are_free() else Ports.choose())
        write_private(file, json.dumps(asdict(state)))
        return state

    def weed_identities(self) -> str:
        """Return the server's one user in SeaweedFS's form (`-s3.config`)."""
        identity = {
            "name": "ims",
            "credentials": [{"accessKey": self.access_key, "secretKey": self.secret_key}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        return json.dumps({"identities": [identity]})


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    beside = file.with_suffix(".new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    beside.replace(file)


def _read(file: Path) -> tuple[str, str, Ports] | None:
    try:
        kept = json.loads(file.read_text())
        return kept["access_key"], kept["secret_key"], Ports(**kept["ports"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise Corrupt(
            f"{file} holds no credentials of an embedded S3 server",
            resolution="remove it: new credentials are made at the next start",
        ) from error


def _is_free(port: int) -> bool:
    return all(_can_listen(number) for number in (port, port + GRPC_OFFSET)) and not any(
        _is_alive(path) for path in _sockets(port)
    )


def _can_listen(port: int) -> bool:
    with socket.socket() as probe:
        # As SeaweedFS does it: connections of a server that has ended are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _sockets(port: int) -> list[Path]:
    return [path for number in (port, port + GRPC_OFFSET) for path in SOCKETS_DIR.glob(f"seaweedfs-*-{number}.sock")]


def _is_alive(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
