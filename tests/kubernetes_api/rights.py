"""What the worker may do on a cluster: the Roles of deploy/, which the fake one goes by, too."""

from pathlib import Path

import yaml

from tests.repository import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
ROLE = DEPLOY / "base/builds/role.yaml"
HOST_PATH_ROLE = DEPLOY / "components/host-path/role.yaml"

Right = tuple[str, str]


def rights_of(*roles: Path) -> set[Right]:
    """Return the verbs and resources that roles grant."""
    rules = [rule for role in roles for rule in yaml.safe_load(role.read_text())["rules"]]
    return {(verb, resource) for rule in rules for resource in rule["resources"] for verb in rule["verbs"]}
