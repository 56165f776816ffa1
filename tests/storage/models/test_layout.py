"""Keys are those that boot services and earlier releases know."""

from storage.models import layout


def test_keys_are_those_of_the_design() -> None:
    assert layout.records_key("images", "a") == "records/images/a.json"
    assert layout.recipe_key("id", "r.tgz") == "recipes/id/r.tgz"
    assert layout.job_key("id", "kiwi.log") == "jobs/id/kiwi.log"
    assert layout.artifact_key("id", "rootfs") == "id/rootfs"


def test_a_prefix_ends_at_a_slash_so_that_one_id_is_never_the_beginning_of_another() -> None:
    assert layout.job_prefix("1") == "jobs/1/"
    assert layout.image_prefix("1") == "1/"
