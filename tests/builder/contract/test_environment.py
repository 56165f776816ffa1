"""builder/contract/environment.py and inputs.py: what is written comes out equal, under the names of the wire."""

import json
import os
import subprocess
import sys
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.contract import inputs as contract
from builder.contract.environment import Input
from builder.contract.inputs import CaRpmInput, ContextInput, FetchRootInput, PrepareInput, RootfsInput, UploadInput
from builder.contract.unreadable import Unreadable
from tests.builder.contract.written import inputs, texts
from tests.repository import REPOSITORY

KINDS = sorted(
    (kind for kind in vars(contract).values() if isinstance(kind, type) and issubclass(kind, Input)),
    key=lambda kind: kind.__name__,
)
CONTEXT = ContextInput(url="http://s3/context?x=1", sha256="0123")
_ON_THE_WIRE = {
    "CaRpmInput": ["IMS_CONTEXT_URL", "IMS_CONTEXT_SHA256", "IMS_RESULT_URL"],
    "ContextInput": ["IMS_CONTEXT_URL", "IMS_CONTEXT_SHA256"],
    "CustomizeShellInput": [
        *("IMS_PUBLIC_KEY", "IMS_SSH_ADDRESS", "IMS_SHELL_SECONDS", "IMS_SHELL_IDLE_SECONDS", "IMS_SHELL_ORDERS_URL"),
        *("IMS_SHELL_FORWARDING", "IMS_CONTEXT_URL", "IMS_CONTEXT_SHA256", "IMS_ROOTFS_URL", "IMS_ROOTFS_SIZE"),
        *("IMS_ROOTFS_ETAG", "IMS_ROOTFS_CHECKSUM", "IMS_OVERLAY", "IMS_JAIL"),
    ],
    "DebugShellInput": [
        *("IMS_PUBLIC_KEY", "IMS_SSH_ADDRESS", "IMS_SHELL_SECONDS", "IMS_SHELL_IDLE_SECONDS", "IMS_SHELL_ORDERS_URL"),
        "IMS_SHELL_FORWARDING",
    ],
    "FetchRootInput": [
        *("IMS_CONTEXT_URL", "IMS_CONTEXT_SHA256", "IMS_ROOTFS_URL", "IMS_ROOTFS_SIZE"),
        *("IMS_ROOTFS_ETAG", "IMS_ROOTFS_CHECKSUM", "IMS_OVERLAY"),
    ],
    "JobInput": ["IMS_JOB_ID", "IMS_ARCH"],
    "PackageInput": ["IMS_RESULT_URL", "IMS_INSPECTION_URL"],
    "PodInput": ["IMS_POD_NAME", "IMS_POD_UID", "IMS_OWN_NETWORK"],
    "PrepareInput": ["IMS_CONTEXT_URL", "IMS_CONTEXT_SHA256", "IMS_CREDENTIALS_URL", "IMS_PRIVATE_REPOSITORIES"],
    "ServersInput": ["IMS_PRIVATE_REPOSITORIES"],
    "RootfsInput": ["IMS_ROOTFS_URL", "IMS_ROOTFS_SIZE", "IMS_ROOTFS_ETAG", "IMS_ROOTFS_CHECKSUM"],
    "ScriptInput": ["IMS_SCRIPT_URL", "IMS_SCRIPT_SHA256", "IMS_SCRIPT_ENTRY", "IMS_SCRIPT_SECONDS"],
    "ShellInput": [
        *("IMS_PUBLIC_KEY", "IMS_SSH_ADDRESS", "IMS_SHELL_SECONDS", "IMS_SHELL_IDLE_SECONDS", "IMS_SHELL_ORDERS_URL"),
        "IMS_SHELL_FORWARDING",
    ],
    "UploadInput": ["IMS_PLAN_URL", "IMS_CONNECTIONS"],
    "WorkspaceInput": ["IMS_WORKSPACE"],
}


def test_the_names_are_those_of_the_former_release() -> None:
    assert {kind.__name__: kind.variables() for kind in KINDS if kind is not Input} == _ON_THE_WIRE


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_what_is_written_is_read(kind: type[Input], data: st.DataObject) -> None:
    told = data.draw(inputs(kind))
    environment = told.to_environment()
    assert kind.from_environment(environment) == told
    assert set(environment) <= set(kind.variables())


@pytest.mark.parametrize("text", ["two\nlines\n", "'\"$HOME` \\", " ", "größer ✓ \U0001f427", "=\t="])
def test_any_text_goes_through_the_environment_of_a_process(text: str) -> None:
    told = ContextInput(url=text, sha256=text)
    program = (
        "import json, os; from builder.contract.inputs import ContextInput; "
        "print(json.dumps(vars(ContextInput.from_environment(os.environ))))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        env={**os.environ, **told.to_environment()},
        capture_output=True,
        check=True,
    )
    assert json.loads(ran.stdout) == {"url": text, "sha256": text}


def test_the_input_of_a_pod_of_the_former_release_is_written_the_same() -> None:
    """A pod that runs is adopted by a digest of its variables, so none is added or removed."""
    rootfs = RootfsInput(url="http://s3/rootfs", size=7, etag="abc", checksum="")
    context = {"IMS_CONTEXT_URL": CONTEXT.url, "IMS_CONTEXT_SHA256": "0123"}
    assert FetchRootInput(context=CONTEXT, rootfs=rootfs, overlay=True).to_environment() == {
        **context,
        "IMS_ROOTFS_URL": "http://s3/rootfs",
        "IMS_ROOTFS_SIZE": "7",
        "IMS_ROOTFS_ETAG": "abc",
        "IMS_ROOTFS_CHECKSUM": "",
        "IMS_OVERLAY": "yes",
    }
    assert PrepareInput(context=CONTEXT).to_environment() == context
    assert CaRpmInput(context=CONTEXT, result_url="r").to_environment() == {**context, "IMS_RESULT_URL": "r"}
    assert UploadInput(plan_url="p").to_environment() == {"IMS_PLAN_URL": "p"}


@pytest.mark.parametrize(
    ("kind", "environment", "reason"),
    [
        (ContextInput, {"IMS_CONTEXT_URL": "u"}, "the environment variable IMS_CONTEXT_SHA256 is not set"),
        (ContextInput, {"IMS_CONTEXT_URL": ""}, "the environment variable IMS_CONTEXT_URL is not set"),
        (RootfsInput, {"IMS_ROOTFS_URL": "u", "IMS_ROOTFS_SIZE": "7k"}, "IMS_ROOTFS_SIZE is '7k', not a whole number"),
        (UploadInput, {"IMS_PLAN_URL": "u", "IMS_CONNECTIONS": "-1"}, "IMS_CONNECTIONS is '-1', not a whole number"),
        (
            FetchRootInput,
            {**CONTEXT.to_environment(), "IMS_ROOTFS_URL": "u", "IMS_ROOTFS_SIZE": "7", "IMS_OVERLAY": "maybe"},
            "IMS_OVERLAY is 'maybe', not yes or no",
        ),
    ],
    ids=["missing", "empty", "no number", "negative", "no boolean"],
)
def test_what_is_missing_or_malformed_is_named(kind: type[Input], environment: dict[str, str], reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        kind.from_environment(environment)


@given(texts)
def test_no_text_of_a_variable_ends_in_a_traceback(text: str) -> None:
    names = [name for kind in KINDS for name in kind.variables()]
    for kind in KINDS:
        with suppress(Unreadable):
            kind.from_environment(dict.fromkeys(names, text))
