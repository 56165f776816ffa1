"""The versions of the API, and the addresses that each is served under."""

from enum import StrEnum

# What a gateway has before the paths; clients inside a cluster leave it out.
GATEWAY_PREFIX = "/apis/ims"


class Version(StrEnum):
    """A version of the API. In v3 a deleted record can be restored; in v2 it is gone."""

    V3 = "v3"
    V2 = "v2"

    @property
    def prefixes(self) -> tuple[str, ...]:
        """What its paths begin with; the first is in the OpenAPI document. A path without a version is one of v2."""
        bare = [f"/{self}"] if self is Version.V3 else [f"/{self}", ""]
        return tuple(f"{gateway}{prefix}" for gateway in (GATEWAY_PREFIX, "") for prefix in bare)
