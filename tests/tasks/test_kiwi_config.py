"""Tests of tasks/kiwi_config.py: what a site file makes of a description."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from builder.contract.credentials import RepositoryCredentials
from builder.contract.options import KiwiOptions
from config.settings import settings
from errors import BadInput
from ingest.description import Description, Repository
from storage.models.jobs import Job, JobType
from storage.models.records import Recipe, new_id
from storage.records.catalogue import Catalogue
from tasks.kiwi_config import KiwiConfig, render_kiwi_config
from tests.certificates import Authority

PASSWORD = "c4n4ry"
PUBLIC = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n"
Configured = Callable[..., KiwiConfig]


@pytest.fixture
def configured(own_catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configured:
    """Render the configuration of a job from the site file's content and the description's repositories."""

    def configured(
        said: dict[str, Any], *own: Repository, profiles: list[str] | None = None, **fields: Any
    ) -> KiwiConfig:
        (tmp_path / "site.yaml").write_text(yaml.safe_dump(said))
        monkeypatch.setenv("IMS_SITE_FILE", str(tmp_path / "site.yaml"))
        settings.cache_clear()
        job = Job(
            job_type=JobType.CREATE,
            artifact_id=new_id(),
            public_key_id=new_id(),
            image_root_archive_name="x",
            profiles=profiles or [],
        )
        own_catalogue.jobs.create(job)
        known = {"file": "config.xml", "name": "a", "schema_version": "7.5", "kiwi": 9, "package_manager": "zypper"}
        description = Description.model_validate(known | {"repositories": own, "profiles": ["gpu", "cpu"]} | fields)
        recipe = Recipe(name="a", linux_distribution="sles15")
        configuration = render_kiwi_config.fn(description, recipe, job)
        assert own_catalogue.jobs.get(job.id).repositories == [each.url for each in configuration.repositories]
        return configuration

    return configured


def own(url: str = "https://own.example.org/", **fields: Any) -> Repository:
    return Repository.model_validate({"url": url, **fields})


def site(url: str = "https://site.example.org/", **fields: Any) -> dict[str, Any]:
    return {"url": url, **fields}


def credentials(url: str, username: str = "builder") -> dict[str, Any]:
    return {"url": url, "username": username, "password": PASSWORD}


def urls(configuration: KiwiConfig) -> list[str]:
    return [each.url for each in configuration.repositories]


def test_without_anything_of_the_sites_the_description_counts(configured: Configured) -> None:
    configuration = configured({}, own())
    assert urls(configuration) == ["https://own.example.org/"]
    assert configuration.options() == KiwiOptions(package_manager="zypper")
    assert list(configuration.files()) == ["kiwi.yml"]
    assert configuration.credentials == []


def test_the_sites_repositories_are_added(configured: Configured) -> None:
    configuration = configured({"repositories": [site(priority=3), site("https://x/", type="apt-deb")]}, own())
    assert urls(configuration) == ["https://own.example.org/", "https://site.example.org/"]
    (added,) = configuration.options().site_repositories
    assert (added["url"], added["priority"]) == ("https://site.example.org/", 3)


def test_apt_descriptions_get_apt_repositories(configured: Configured) -> None:
    said = {"repositories": [site(), site("https://x/", type="apt-deb", distribution="bookworm")]}
    configuration = configured(said, own(), package_manager="apt")
    assert urls(configuration) == ["https://own.example.org/", "https://x/"]
    assert configuration.options().package_manager == "apt"


def test_the_sites_repositories_may_stand_in_for_the_descriptions(configured: Configured) -> None:
    replaced = own(alias="base", left_out=True, not_asked="the site file replaces it")
    configuration = configured({"repositories": [site(alias="base")], "replace_repositories": True}, replaced)
    assert urls(configuration) == ["https://site.example.org/"]
    assert configuration.options().replace_repositories is True


def test_to_replace_repositories_by_none_is_refused(configured: Configured) -> None:
    said = {"repositories": [site(linux_distributions=["centos7"])], "replace_repositories": True}
    with pytest.raises(BadInput, match="replaces the repositories of recipes, and names none for sles15"):
        configured(said, own())


def test_repositories_that_kiwi_does_not_ask_get_no_credentials_and_are_not_waited_for(configured: Configured) -> None:
    said = {"credentials": [credentials("https://own.example.org/")]}
    image = own("https://own.example.org/image/", imageonly=True, not_asked="it is for the image alone")
    configuration = configured(said, own("https://all/"), image, profiles=["gpu"])
    assert urls(configuration) == ["https://all/"]
    assert configuration.credentials == []
    assert configuration.options().profiles == ("gpu",)


def test_credentials_are_given_to_their_repositories(configured: Configured) -> None:
    said = {
        "repositories": [site("https://site.example.org/a/")],
        "credentials": [credentials("https://site.example.org/"), credentials("https://own.example.org/b")],
    }
    configuration = configured(said, own("https://own.example.org/a"), own("https://own.example.org/b/c"))
    assert configuration.credentials == [
        RepositoryCredentials(**credentials("https://own.example.org/b/c")),
        RepositoryCredentials(**credentials("https://site.example.org/a/")),
    ]


def test_credentials_of_the_recipe_count_first(configured: Configured) -> None:
    said = {"credentials": [credentials("https://own.example.org/")]}
    configuration = configured(said, own(username="mine", password="p"))
    assert configuration.credentials == [RepositoryCredentials("https://own.example.org/", "mine", "p")]


def test_no_password_is_in_what_is_staged_or_shown(configured: Configured) -> None:
    said = {"repositories": [site()], "credentials": [credentials("https://site.example.org/")]}
    configuration = configured(said, own(username="mine", password=PASSWORD))
    for shown in (repr(configuration), str(configuration.options()), str(configuration.files())):
        assert PASSWORD not in shown


CLASHES = {
    "with the recipe's": ([site(alias="base")], [own(alias="base")]),
    "in the site file": ([site(alias="base"), site("https://x/", alias="base")], []),
}


@pytest.mark.parametrize(("added", "known"), CLASHES.values(), ids=CLASHES)
def test_an_alias_that_is_taken_is_refused(
    configured: Configured, added: list[dict[str, Any]], known: list[Repository]
) -> None:
    with pytest.raises(BadInput, match="two repositories have the alias base"):
        configured({"repositories": added}, *known)


def test_an_alias_that_is_unique_in_this_build_is_kept(configured: Configured) -> None:
    unbuilt = own("https://gpu/", alias="base", left_out=True, not_asked="it is for the profiles gpu")
    configured({"repositories": [site(), site("https://y/", alias="base")]}, own(), own("https://x/"), unbuilt)


def test_an_alias_of_a_repository_of_the_image_alone_is_taken(configured: Configured) -> None:
    image = own(alias="base", imageonly=True, not_asked="it is for the image alone")
    with pytest.raises(BadInput, match="two repositories have the alias base"):
        configured({"repositories": [site(alias="base")]}, image)


def test_keys_and_authorities_go_along_as_files(configured: Configured, tmp_path: Path) -> None:
    authority = Authority("Site")
    (tmp_path / "ca.pem").write_bytes(b"text around\n" + authority.pem)
    (tmp_path / "b.asc").write_text(f"b\n{PUBLIC}")
    (tmp_path / "a.asc").write_text(f"a\n{PUBLIC}")
    files = configured({"ca_certificates": "ca.pem", "signing_keys": ["b.asc", "a.asc"]}, own()).files()
    assert files["ca/00.pem"] == authority.pem
    assert (files["keys/00.asc"][:1], files["keys/01.asc"][:1]) == (b"b", b"a")


@pytest.mark.parametrize("kiwi", [9, 11])
def test_kiwis_own_configuration_is_in_the_form_that_it_reads(configured: Configured, kiwi: int) -> None:
    checks = yaml.safe_load(configured({}, own(), kiwi=kiwi).files()["kiwi.yml"])["runtime_checks"]
    disabled = checks[0]["disable"] if kiwi == 9 else checks["disable"]
    assert "check_boot_description_exists" in disabled


BROKEN = {
    "CA": {"ca_certificates": "site.yaml"},
    "signing key": {"signing_keys": ["site.yaml"]},
    "password file": {
        "credentials": [{"url": "https://own.example.org/", "username": "u", "password_file": "missing"}]
    },
}


@pytest.mark.parametrize("said", BROKEN.values(), ids=BROKEN)
def test_what_the_site_file_names_is_looked_at_before_any_pod(configured: Configured, said: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=r"site\.yaml|missing"):
        configured(said, own())
