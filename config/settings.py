"""The settings: one object, read from `IMS_…` environment variables and from what a running `ims up` wrote.

Precedence: environment, then `<data folder>/endpoints.json`, then the defaults here. Secrets are never printed.
"""

from functools import cache
from pathlib import Path
from typing import Any

from platformdirs import user_data_path
from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from config.api import Api, ApiClient, Tokens
from config.groups import S3, Ingest, Limits, Recipes, Repositories, Roots, Shells, Squashfs, Tasks
from config.pods import Builder, Kubernetes, PodResources, Pods
from config.refusals import details_of, reason_of
from config.variables import from_endpoints, from_environment, variables_of
from errors import BadInput

ENDPOINTS = "endpoints.json"


def default_data_dir() -> Path:
    """Return the data folder of a user who has chosen none."""
    return user_data_path("ims")


class Settings(BaseSettings):
    """Every setting, in groups."""

    model_config = SettingsConfigDict(extra="forbid")

    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Folder of everything `ims up` keeps and of the flows' scratch files.",
    )
    s3: S3 = S3()
    bucket: str = Field("ims", description="Bucket of records, recipes and what jobs keep.")
    boot_images_bucket: str = Field("boot-images", description="Bucket of the images' artifacts.")
    prefect_api_url: str = Field("", description="Prefect's API as `ims up` started it; PREFECT_API_URL wins.")
    tasks: Tasks = Tasks()
    pods: Pods = Pods()
    builder: Builder = Builder()
    resources: PodResources = PodResources()
    limits: Limits = Limits()
    root_overlay: bool = Field(
        True, description="Mount the rootfs of an image to customize, where that is possible; no: always unpack it."
    )
    shells: Shells = Shells()
    kubernetes: Kubernetes = Kubernetes()
    site_file: Path | None = Field(
        None, description="YAML file of the site's CA, signing keys, repositories and credentials (docs/site.md)."
    )
    recipes: Recipes = Recipes()
    ingest: Ingest = Ingest()
    repositories: Repositories = Repositories()
    squashfs: Squashfs = Squashfs()
    api: Api = Api()
    tokens: Tokens = Tokens()
    client: ApiClient = ApiClient()
    roots: Roots = Roots()

    @property
    def endpoints_file(self) -> Path:
        """The file in which a running `ims up` says how it is reached."""
        return self.data_dir / ENDPOINTS

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put what `ims up` wrote below the environment."""
        environment = InitSettingsSource(settings_cls, from_environment(variables_of(settings_cls)))
        return init_settings, environment, EndpointsSource(settings_cls, {})


class EndpointsSource(InitSettingsSource):
    """Reads `endpoints.json` of the data folder that the sources above name."""

    def __call__(self) -> dict[str, Any]:
        """Return the file's fields, or nothing when no `ims up` is running."""
        folder = Path(self.current_state.get("data_dir") or default_data_dir())
        # Its API's address is not among them: on that host the commands talk to the stores.
        variables = [each for each in variables_of(self.settings_cls) if each.group != "client"]
        return from_endpoints(variables, folder / ENDPOINTS)


def read_settings() -> Settings:
    """Read the settings as they are now.

    Raises:
        BadInput: A variable has a value that its setting cannot have; all such variables are named.
    """
    try:
        return Settings()
    except ValidationError as error:
        wrong = "; ".join(f"{_variable_of(each)}: {reason_of(each)}" for each in details_of(error))
        raise BadInput(f"the settings are refused: {wrong}") from error


@cache
def settings() -> Settings:
    """Return the settings of this process, read once.

    Raises:
        BadInput: A variable has a value that its setting cannot have; all such variables are named.
    """
    return read_settings()


def _variable_of(error: ErrorDetails) -> str:
    place = [str(part) for part in error["loc"]]
    names = {(known.group, known.field): known.name for known in variables_of(Settings)}
    if len(place) == 1 and ("", place[0]) not in names:
        # Settings of a group that do not go together.
        group = Settings.model_fields[place[0]].annotation
        return str(vars(group)["variable"]).format("*")
    return names.get(("", place[0])) or names[(place[0], place[1])]
