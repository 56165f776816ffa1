"""`ims site`: what the site file says, read and checked as a job reads it."""

from pydantic import BaseModel

from cli.output import FormatOption, print_record
from config.certificates import parse_bundle
from config.settings import settings
from config.site import Site, SiteRepository, read_site
from errors import BadInput


class SiteSummary(BaseModel):
    """A site file as it is shown: its authorities, repositories and other values, without passwords."""

    file: str
    ca_certificates: list[str]
    signing_keys: list[str]
    repositories: list[str]
    replace_repositories: bool
    credentials: list[str]


def show(output: FormatOption = None) -> None:
    """Check the site file (IMS_SITE_FILE) and all that it names, and show what holds for every recipe."""
    print_record(summary(), output)


def summary() -> SiteSummary:
    """Read the site file and all that it names.

    Raises:
        BadInput: There is none, or something in it is refused.
    """
    file = settings().site_file
    if file is None:
        raise BadInput("no site file is configured", resolution="write one (docs/site.md) and set IMS_SITE_FILE to it")
    site = read_site()
    site.keys()
    return SiteSummary(
        file=str(file),
        ca_certificates=_authorities(site),
        signing_keys=[str(key) for key in site.signing_keys],
        repositories=[_repository(repository) for repository in site.repositories],
        replace_repositories=site.replace_repositories,
        credentials=[f"{known.username} at {known.url}" for known in site.credentials if known.secret()],
    )


def _authorities(site: Site) -> list[str]:
    found = parse_bundle(site.ca_bundle(), str(site.ca_certificates)) if site.ca_certificates else []
    return [f"{certificate.subject}, until {certificate.expires:%Y-%m-%d}" for certificate in found]


def _repository(repository: SiteRepository) -> str:
    return f"{repository.url} for {', '.join(repository.linux_distributions) or 'all'}"
