"""The parts of a kiwi description that the flows use."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Repository(BaseModel):
    """One repository that a description names, as kiwi uses it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(
        description="http, https, or `this://` (a folder of the recipe itself: nothing to wait for); of a repository "
        "that is not asked also others."
    )
    alias: str = ""
    type: Literal["apt-deb", "apt-rpm", "deb-dir", "mirrors", "rpm-dir", "rpm-md"] = "rpm-md"
    source_type: Literal["baseurl", "metalink", "mirrorlist"] = "baseurl"
    distribution: str = Field("", description="The suite of an apt repository.")
    components: list[str] = []
    priority: int | None = None
    imageinclude: bool = False
    imageonly: bool = False
    profiles: list[str] = Field([], description="The profiles that use it; empty: all profiles.")
    left_out: bool = Field(False, description="It is no part of this build, nor of its image.")
    not_asked: str = Field("", description="Why the build never reads from it; empty: it does.")
    username: str = ""
    password: str = Field("", repr=False)
    file: str = Field("", description="The file of the recipe that names it.")
    line: int = 0

    @property
    def asked(self) -> bool:
        """Whether the build reads packages from it: only then it is waited for, and its credentials are handed on."""
        return not self.not_asked


# The major versions of kiwi in the builder images.
Kiwi = Literal[9, 11]


class Description(BaseModel):
    """A checked kiwi description."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str = Field(description="Its name at the top of the recipe's folder.")
    name: str
    schema_version: str
    kiwi: Kiwi = Field(description="The kiwi that has read it, and builds it.")
    package_manager: Literal["apt", "dnf", "microdnf", "zypper"]
    image_type: str = Field("", description="The image that kiwi would make of the root; no step needs it.")
    repositories: list[Repository]
    profiles: list[str] = Field([], description="All that it has.")
    applying_profiles: list[str] = Field([], description="Those that this build is made of.")
    bootstrap_packages: list[str] = []
    packages: list[str] = []
