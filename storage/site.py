"""The site file: what holds for every recipe that is built here, whatever its author wrote.

A YAML file named by `IMS_SITE_FILE`: the site's certificate authorities, package signing keys, repositories, and the
credentials of its servers. Passwords are kept as secrets and never printed.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from errors import BadInput
from storage.models import LinuxDistribution
from storage.settings import settings


def _web_address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not text.isprintable() or " " in text:
        raise ValueError("must be an address: https://SERVER/PATH")
    if parts.username or parts.password:
        raise ValueError("must not hold credentials: give them under `credentials`")
    return text


def _plain(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must not contain line breaks or control characters")
    return text


WebAddress = Annotated[str, AfterValidator(_web_address)]
Plain = Annotated[str, AfterValidator(_plain)]
# kiwi's --add-repo and the names of repository files.
Alias = Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9_.:-]*)?$", max_length=128)]


class Model(BaseModel):
    """What every part of the file is: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Credentials(Model):
    """Who we are to a server: they hold for every address that begins with `url`.

    The password stands in the file itself, or in a file of its own (its first line).
    """

    url: WebAddress
    username: Plain = Field(min_length=1)
    password: SecretStr = SecretStr("")
    password_file: Path | None = None

    @model_validator(mode="after")
    def _has_one_password(self) -> "Credentials":
        if bool(self.password.get_secret_value()) == (self.password_file is not None):
            raise ValueError("needs either password or password_file")
        return self

    def secret(self) -> str:
        """Return the password.

        Raises:
            BadInput: Its file cannot be read, or holds none.
        """
        if self.password_file is None:
            return self.password.get_secret_value()
        lines = _read(self.password_file, "the password file").decode(errors="replace").splitlines()
        if not lines or not lines[0].strip():
            raise BadInput(f"the password file {self.password_file} is empty")
        return lines[0].strip()

    def fits(self, url: str) -> bool:
        """Tell whether they hold for an address: the same server, and a path at or below ours."""
        mine, other = urlsplit(self.url), urlsplit(url)
        if (mine.scheme, mine.hostname, _port(self.url)) != (other.scheme, other.hostname, _port(url)):
            return False
        below = mine.path.rstrip("/")
        return other.path == below or other.path.startswith(f"{below}/")


class SiteRepository(Model):
    """A repository of the site, used by the recipes of the distributions it names; none named: by all."""

    url: WebAddress
    alias: Alias = ""
    type: Literal["rpm-md", "apt-deb"] = "rpm-md"
    priority: int | None = Field(None, ge=1, le=99)
    imageinclude: bool = False
    distribution: Plain = Field("", description="The suite of an apt repository.")
    components: list[Plain] = []
    linux_distributions: list[LinuxDistribution] = []


class Site(Model):
    """The whole file."""

    ca_certificates: Path | None = None
    signing_keys: list[Path] = []
    repositories: list[SiteRepository] = []
    replace_repositories: bool = Field(False, description="Build from the site's repositories alone.")
    credentials: list[Credentials] = []

    def ca_bundle(self) -> bytes:
        """Return the content of the CA file; nothing when the site has none.

        Raises:
            BadInput: It cannot be read.
        """
        return _read(self.ca_certificates, "the CA file") if self.ca_certificates else b""

    def keys(self) -> list[bytes]:
        """Return the content of the signing keys.

        Raises:
            BadInput: One cannot be read, or is no armoured public key.
        """
        found = [_read(file, "the signing key") for file in self.signing_keys]
        for file, key in zip(self.signing_keys, found, strict=True):
            if b"-----BEGIN PGP PUBLIC KEY BLOCK-----" not in key:
                raise BadInput(
                    f"the signing key {file} is no armoured OpenPGP public key",
                    resolution="export it by `gpg --armor --export KEY`",
                )
        return found

    def repositories_for(self, linux_distribution: str, type_: str) -> list[SiteRepository]:
        """Return the site's repositories for recipes of a distribution, of the type its package manager reads."""
        return [
            repository
            for repository in self.repositories
            if repository.type == type_
            and (not repository.linux_distributions or linux_distribution in repository.linux_distributions)
        ]


def credentials_for(url: str, known: Sequence[Credentials]) -> Credentials | None:
    """Return the credentials that hold for an address, those of the longest path when several do."""
    fitting = [credentials for credentials in known if credentials.fits(url)]
    return max(fitting, key=lambda credentials: len(urlsplit(credentials.url).path), default=None)


def read_site(file: Path | None = None) -> Site:
    """Read the site file; without one, a site has nothing of its own.

    Paths in it are relative to its folder.

    Args:
        file: The file; the one that `IMS_SITE_FILE` names when left out.

    Raises:
        BadInput: It cannot be read, or says something that it cannot say; every such field is named.
    """
    file = file or settings().site_file
    if file is None:
        return Site()
    try:
        said = yaml.safe_load(_read(file, "the site file")) or {}
        site = Site.model_validate(said)
    except yaml.YAMLError as error:
        raise BadInput(f"the site file {file} is not YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, at['loc'])) or 'the file'}: {at['msg'].removeprefix('Value error, ')}"
            for at in error.errors(include_input=False)
        )
        raise BadInput(f"the site file {file} is refused: {wrong}") from error
    return _absolute(site, file.absolute().parent)


def _absolute(site: Site, folder: Path) -> Site:
    return site.model_copy(
        update={
            "ca_certificates": site.ca_certificates and folder / site.ca_certificates,
            "signing_keys": [folder / key for key in site.signing_keys],
            "credentials": [
                known.model_copy(update={"password_file": known.password_file and folder / known.password_file})
                for known in site.credentials
            ],
        }
    )


def _read(file: Path, what: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise BadInput(f"{what} {file} cannot be read: {error.strerror}") from error


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)
