"""How a description is built on this site: the site's repositories, keys, authorities and credentials, the profiles."""

import logging
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from builder.contract.credentials import RepositoryCredentials
from builder.contract.options import KiwiOptions
from config.site import Credentials, SiteRepository, credentials_for, read_site
from errors import BadInput
from ingest.description import Description, Repository
from storage.models.jobs import Job
from storage.models.records import Recipe
from tasks.ca_rpm import authority_files, site_certificates
from tasks.jobs import report
from tasks.kiwi_templates import render
from tasks.retries import retryable

logger = logging.getLogger(__name__)

# kiwi/runtime_checker.py of 9.24: what concerns images of its own making.
DISABLED_CHECKS = (
    "check_boot_description_exists",
    "check_consistent_kernel_in_boot_and_system_image",
    "check_container_tool_chain_installed",
    "check_dracut_module_for_disk_oem_in_package_list",
    "check_dracut_module_for_disk_overlay_in_package_list",
    "check_dracut_module_for_live_iso_in_package_list",
    "check_dracut_module_for_oem_install_in_package_list",
    "check_efi_mode_for_disk_overlay_correctly_setup",
    "check_image_type_unique",
    "check_initrd_selection_required",
    "check_mediacheck_installed",
    "check_syslinux_installed_if_isolinux_is_used",
    "check_volume_label_used_with_lvm",
)


class KiwiConfig(BaseModel):
    """How kiwi builds the recipe's description on this site.

    `repositories` are all that the build reads packages from, with their credentials; `site_repositories` those of
    them that the description does not name.
    """

    model_config = ConfigDict(frozen=True)

    package_manager: str
    repositories: list[Repository]
    site_repositories: list[SiteRepository] = []
    replace_repositories: bool = False
    signing_keys: list[bytes] = []
    ca_certificates: list[str] = []
    profiles: list[str] = []
    runtime: str = ""

    @property
    def credentials(self) -> list[RepositoryCredentials]:
        """The repositories' credentials: a secret, for the pod that runs kiwi alone."""
        return [
            RepositoryCredentials(repository.url, repository.username, repository.password)
            for repository in self.repositories
            if repository.username or repository.password
        ]

    def options(self) -> KiwiOptions:
        """Return what goes into step.json; no secret is in it."""
        return KiwiOptions(
            package_manager=self.package_manager,
            profiles=tuple(self.profiles),
            site_repositories=tuple(repository.model_dump(mode="json") for repository in self.site_repositories),
            replace_repositories=self.replace_repositories,
        )

    def files(self) -> dict[str, bytes]:
        """Return the files of the context archive that go with it."""
        keys = {f"keys/{number:02}.asc": key for number, key in enumerate(self.signing_keys)}
        return {"kiwi.yml": self.runtime.encode(), **keys, **authority_files(self.ca_certificates)}


@retryable
def render_kiwi_config(description: Description, recipe: Recipe, job: Job) -> KiwiConfig:
    """Put together how the description is built here: what the site says, and what the job asks for.

    Raises:
        BadInput: The site file or something that it names is refused, or two repositories have the same alias.
    """
    site = read_site()
    type_ = "apt-deb" if description.package_manager == "apt" else "rpm-md"
    added = site.repositories_for(recipe.linux_distribution, type_)
    if site.replace_repositories and not added:
        raise BadInput(
            f"the site file replaces the repositories of recipes, and names none for {recipe.linux_distribution}",
            resolution="add one, or set replace_repositories to false",
        )
    own = [each for each in description.repositories if each.asked]
    for each in description.repositories:
        if each.not_asked:
            logger.info("repository %s is not asked: %s", each.url, each.not_asked)
    _refuse_same_aliases([each for each in description.repositories if not each.left_out], added)
    repositories = [_known(each, site.credentials) for each in (*own, *map(_as_repository, added))]
    for repository in repositories:
        logger.info("repository %s", repository.url)
    report(job, repositories=[repository.url for repository in repositories])
    return KiwiConfig(
        package_manager=description.package_manager,
        repositories=repositories,
        site_repositories=added,
        replace_repositories=site.replace_repositories,
        signing_keys=site.keys(),
        ca_certificates=[certificate.pem for certificate in site_certificates()],
        profiles=job.profiles,
        runtime=render("kiwi.yml", kiwi=description.kiwi, disabled_checks=DISABLED_CHECKS),
    )


def _refuse_same_aliases(own: Sequence[Repository], added: Sequence[SiteRepository]) -> None:
    """Refuse an alias of the site's that another repository has: kiwi would write both into one file, and lose one."""
    taken = {each.alias for each in own}
    for alias in (each.alias for each in added if each.alias):
        if alias in taken:
            raise BadInput(
                f"two repositories have the alias {alias}, one of them from the site file",
                resolution="give the site's another alias, or none",
            )
        taken.add(alias)


def _as_repository(site: SiteRepository) -> Repository:
    return Repository.model_validate(site.model_dump(exclude={"linux_distributions"}))


def _known(repository: Repository, known: Sequence[Credentials]) -> Repository:
    """Give a repository the site's credentials, when the recipe brings none."""
    if repository.username or repository.password:
        return repository
    if not (found := credentials_for(repository.url, known)):
        return repository
    return repository.model_copy(update={"username": found.username, "password": found.secret()})
