"""The variables of pods are named in builder/contract alone."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from builder.contract import inputs as contract
from builder.contract.environment import Input
from builder.contract.inputs import PLAYBOOK_NOTES
from tests.repository import REPOSITORY

FOLDERS = ("tasks", "pods", "builder", "deploy")
CONTRACT = REPOSITORY / "builder/contract"
# Ansible starts it where the contract cannot be imported.
PLUGIN = REPOSITORY / "builder/ansible/callback/ims.py"
KINDS = [kind for kind in vars(contract).values() if isinstance(kind, type) and issubclass(kind, Input)]
VARIABLES = {name for kind in KINDS for name in kind.variables()} | {PLAYBOOK_NOTES}


def files() -> Iterator[tuple[Path, str]]:
    """Return the text files of the folders, without the contract."""
    for folder in FOLDERS:
        for file in sorted((REPOSITORY / folder).rglob("*")):
            if file.is_file() and file.suffix != ".pyc" and CONTRACT not in file.parents:
                yield file, file.read_text()


def test_no_variable_of_a_pod_is_named_elsewhere() -> None:
    named = {
        (file, name)
        for file, text in files()
        for name in re.findall(r"IMS_[A-Z0-9_]*[A-Z0-9]", text)
        if name in VARIABLES
    }
    assert named == {(PLUGIN, PLAYBOOK_NOTES)}


def test_no_program_reads_a_variable_by_its_name() -> None:
    """A name that stands alone in a literal is that of a variable; the site's settings appear in sentences."""
    literals = {
        (file, node.value)
        for file, text in files()
        if file.suffix == ".py"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch("IMS_[A-Z0-9_]+", node.value)
    }
    assert literals == {(PLUGIN, PLAYBOOK_NOTES)}
