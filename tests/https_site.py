"""A site's package server: a real nginx with a private CA, on a free port of 127.0.0.1.

The program comes out of the Debian package, which is not installed: it would start a service on the host's port 80.
"""

import base64
import hashlib
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Literal

import pytest

from tests.certificates import Authority

CertificateKind = Literal["good", "expired", "stranger"]

_CONFIGURATION = """\
daemon off;
worker_processes 1;
# Repositories lie where only the user of the tests can read them; not as root, this says nothing.
user root;
pid nginx.pid;
events {{ }}
http {{
    # What curl, zypper and dnf sent, and who they said they were: passwords are in none of these.
    log_format requests '$status $request_method $uri user=$remote_user agent="$http_user_agent"';
    access_log access.log requests;
    client_body_temp_path temporary;
    proxy_temp_path temporary;
    fastcgi_temp_path temporary;
    uwsgi_temp_path temporary;
    scgi_temp_path temporary;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate certificate.pem;
        ssl_certificate_key certificate.pem;
        {authentication}
        location / {{
            root {folder}/repository;
            autoindex on;
        }}
        location /redirect/ {{
            rewrite ^/redirect/(.*)$ https://localhost:{port}/$1 redirect;
        }}
    }}
}}
"""


@dataclass(frozen=True)
class Login:
    """A user of the site, and the password, made up anew for each session."""

    user: str
    password: str


@dataclass(frozen=True)
class Served:
    """A repository as the site serves it."""

    url: str
    ca_file: Path
    login: Login | None
    _folder: Path
    _repository: Path

    @property
    def redirect_url(self) -> str:
        """An address that sends whoever asks on to the repository."""
        return f"{self.url}redirect/"

    @property
    def requests(self) -> list[str]:
        """The access log: a line for each request, `200 GET /path user=name agent="…"`.

        The last one may come a moment after its answer, but never after the end of `serve`.
        """
        return (self._folder / "access.log").read_text().splitlines()

    @property
    def log_files(self) -> list[Path]:
        """All that nginx wrote."""
        return sorted(self._folder.glob("*.log"))

    def vanish(self) -> None:
        """Take the repository away: from now on every path of it is 404."""
        (self._folder / "repository").unlink()

    def come_back(self) -> None:
        """Put the repository back."""
        (self._folder / "repository").symlink_to(self._repository)


class HttpsSite:
    """A site with a CA of its own; it serves any number of repositories, each on its own port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = Authority("Test site CA")
        self.ca_file = folder / "site-ca.pem"
        self.ca_file.write_bytes(self._authority.pem)

    @contextmanager
    def serve(
        self, repository: Path, *, login: Login | None = None, certificate: CertificateKind = "good"
    ) -> Iterator[Served]:
        """Serve a folder until the block ends, however it ends.

        Args:
            repository: The folder; it becomes the address's root.
            login: Who may have it; without one, everybody.
            certificate: The server's: a good one, one that expired yesterday, or one of a CA that nobody knows.
        """
        folder = self._folder / secrets.token_hex(4)
        folder.mkdir()
        self._issue(folder / "certificate.pem", certificate)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            served = Served(f"https://localhost:{port}/", self.ca_file, login, folder, repository)
            served.come_back()
            _configure(folder, port, login)
            nginx = self._start(folder, listening)
        try:
            _wait_until_ready(nginx, folder)
            yield served
        finally:
            # nginx acts on a signal that came before it began to wait for signals only at the next one.
            while nginx.poll() is None:
                nginx.terminate()
                with suppress(subprocess.TimeoutExpired):
                    nginx.wait(1)

    @cached_property
    def _nginx(self) -> Path:
        # As root, APT cannot give the download to its own user in a folder of ours.
        download = ["apt-get", "-o", "APT::Sandbox::User=root", "download", "-q", "nginx"]
        subprocess.run(download, cwd=self._folder, check=True, capture_output=True)
        [package] = self._folder.glob("nginx_*.deb")
        subprocess.run(["dpkg-deb", "--extract", str(package), str(self._folder / "nginx")], check=True)
        return self._folder / "nginx/usr/sbin/nginx"

    def _start(self, folder: Path, listening: socket.socket) -> subprocess.Popen[bytes]:
        """Start nginx on a socket that listens already: nobody else gets the port, and no client comes too early."""
        return subprocess.Popen(
            [
                # It ends with the tests even when they are killed, and its worker with it, as they would not on KILL.
                *("setpriv", "--pdeathsig", "TERM", str(self._nginx)),
                *("-p", f"{folder}/", "-c", "nginx.conf", "-e", "error.log"),
            ],
            env={**os.environ, "NGINX": f"{listening.fileno()};"},
            pass_fds=[listening.fileno()],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _issue(self, file: Path, kind: CertificateKind) -> None:
        authority = Authority("Nobody's CA") if kind == "stranger" else self._authority
        authority.issue(file, valid_for=timedelta(days=-1 if kind == "expired" else 1))


def _wait_until_ready(nginx: subprocess.Popen[bytes], folder: Path) -> None:
    # Clients could come earlier, but until setpriv has run, nginx would outlive tests that are killed.
    while not (folder / "nginx.pid").exists():
        assert nginx.poll() is None, f"nginx has ended: {(folder / 'error.log').read_text()}"
        time.sleep(0.005)


def _configure(folder: Path, port: int, login: Login | None) -> None:
    authentication = ""
    if login:
        authentication = 'auth_basic "Packages"; auth_basic_user_file users;'
        users = folder / "users"
        users.touch(mode=0o600)
        users.write_text(f"{login.user}:{_salted(login.password)}\n")
    configuration = _CONFIGURATION.format(folder=folder, port=port, authentication=authentication)
    (folder / "nginx.conf").write_text(configuration)


def _salted(password: str) -> str:
    salt = secrets.token_bytes(8)
    return "{SSHA}" + base64.b64encode(hashlib.sha1(password.encode() + salt).digest() + salt).decode()


@pytest.fixture(scope="session")
def https_site(tmp_path_factory: pytest.TempPathFactory) -> HttpsSite:
    """The site; its CA is the session's."""
    return HttpsSite(tmp_path_factory.mktemp("https-site"))


@pytest.fixture(scope="session")
def rpm_site(https_site: HttpsSite, rpm_distribution: Path) -> Iterator[Served]:
    """The test distribution, served to one user only, with a good certificate."""
    with https_site.serve(rpm_distribution, login=Login("builder", secrets.token_urlsafe(12))) as served:
        yield served
