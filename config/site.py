"""The site file: what holds for every recipe that is built here, whatever its author wrote.

A YAML file named by `IMS_SITE_FILE`: the site's certificate authorities, package signing keys, repositories, and the
credentials of its servers. Passwords are kept as secrets and never printed.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from config.distributions import LinuxDistribution, is_same
from config.files import read_file
from config.pem import blocks_of
from config.refusals import refusals_of
from config.settings import settings
from errors import BadInput

# The trust store of a whole distribution has 250 KB, its keyrings have 100 KB.
LARGEST_FILE_BYTES = 16 << 20
PUBLIC_KEY_BLOCK = "PGP PUBLIC KEY BLOCK"
_QUOTE = "correct it; put values with special characters between single quotes"


def _web_address(text: str) -> str:
    if "@" in text.partition("://")[2].partition("/")[0]:
        raise ValueError("must not hold credentials: give them under `credentials`")
    try:
        parts = urlsplit(text)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        # Its words quote what it takes for a port, which may be a password.
        sound = False
    if not sound or not text.isprintable() or " " in text:
        raise ValueError("must be an address: https://SERVER/PATH")
    return text


def _plain(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must not contain line breaks or control characters")
    return text


def _user(text: str) -> str:
    if not text or ":" in text:
        raise ValueError("must be a name without a colon (RFC 7617)")
    return _plain(text)


def _secret(secret: SecretStr) -> SecretStr:
    # A line break would begin another line of the files that package managers read.
    if not secret.get_secret_value().isprintable():
        raise ValueError("must not contain line breaks or control characters")
    return secret


def _path(path: Path) -> Path:
    _plain(str(path))
    return path


WebAddress = Annotated[str, AfterValidator(_web_address)]
Plain = Annotated[str, AfterValidator(_plain)]
User = Annotated[str, AfterValidator(_user)]
Secret = Annotated[SecretStr, AfterValidator(_secret)]
File = Annotated[Path, AfterValidator(_path)]
# kiwi's --add-repo and the names of repository files.
Alias = Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9_.:-]*)?$", max_length=128)]


class Model(BaseModel):
    """A part of the file: unknown fields are refused, and no error quotes a value."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Credentials(Model):
    """Credentials for a server: they are used for every URL that begins with `url`.

    The password is in the file itself, or in a file of its own (its first line).
    """

    url: WebAddress
    username: User
    password: Secret = SecretStr("")
    password_file: File | None = None

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
        try:
            password = _read(self.password_file, "the password file").decode().partition("\n")[0].strip()
        except UnicodeDecodeError:
            # Without its words, and not as their cause: they quote the password.
            raise BadInput(f"the password file {self.password_file} is not UTF-8") from None
        if not password:
            raise BadInput(f"the password file {self.password_file} is empty")
        if not password.isprintable():
            raise BadInput(f"the password in {self.password_file} contains control characters")
        return password

    def fits(self, url: str) -> bool:
        """Return whether they are used for a URL: the same server, and a path at or below ours."""
        mine, other = urlsplit(self.url), urlsplit(url)
        if (mine.scheme, mine.hostname, _port(self.url)) != (other.scheme, other.hostname, _port(url)):
            return False
        # Servers resolve '..', so such a URL may lead outside the path that the credentials are for.
        if ".." in unquote(other.path).split("/"):
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

    ca_certificates: File | None = None
    signing_keys: list[File] = []
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
            BadInput: One cannot be read, is damaged, or is not an armoured public key.
        """
        found = [_read(file, "the signing key") for file in self.signing_keys]
        for file, key in zip(self.signing_keys, found, strict=True):
            if f"-----BEGIN {PUBLIC_KEY_BLOCK}-----".encode() not in key:
                raise BadInput(
                    f"the signing key {file} is not an armoured OpenPGP public key",
                    resolution="export it by `gpg --armor --export KEY`",
                )
            if b"-----BEGIN PGP PRIVATE KEY BLOCK-----" in key:
                raise BadInput(
                    f"the signing key {file} holds a private key",
                    resolution="give the public key alone, as `gpg --armor --export KEY` writes it",
                )
            for block in blocks_of(key, f"the signing key {file}"):
                if block.label != PUBLIC_KEY_BLOCK:
                    raise BadInput(
                        f"the signing key {file}, line {block.first}: it is a {block.label}",
                        resolution="leave it out of the file",
                    )
        return found

    def repositories_for(self, linux_distribution: str, type_: str) -> list[SiteRepository]:
        """Return the site's repositories for recipes of a distribution, of the type its package manager reads."""
        return [
            repository
            for repository in self.repositories
            if repository.type == type_
            and (
                not repository.linux_distributions
                or any(is_same(linux_distribution, each) for each in repository.linux_distributions)
            )
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
        BadInput: It cannot be read, or a field has a wrong value; every such field is named.
    """
    file = file or settings().site_file
    if file is None:
        return Site()
    try:
        site = Site.model_validate(_parsed(file))
    except ValidationError as error:
        wrong = "; ".join(refusals_of(error, "the file"))
        raise BadInput(f"the site file {file} is refused: {wrong}") from error
    return _absolute(site, file.absolute().parent)


def _parsed(file: Path) -> object:
    # Neither the parser's words nor itself as the cause: it quotes the line, which may hold a password.
    try:
        content = yaml.safe_load(_read(file, "the site file"))
    except yaml.MarkedYAMLError as error:
        place = f": line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise BadInput(f"the site file {file} is not YAML{place}", resolution=_QUOTE) from None
    except (yaml.YAMLError, RecursionError, ValueError):
        # ValueError: a date or a number that is none.
        raise BadInput(f"the site file {file} is not YAML", resolution=_QUOTE) from None
    return {} if content is None else content


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
    return read_file(file, what, LARGEST_FILE_BYTES)


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)
