"""builder/contract/options.py: step.json, byte for byte as the former release wrote it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.contract.options import LEFT_OUT, KiwiOptions, Options, Squashfs
from builder.contract.unreadable import Unreadable
from tests.builder.contract.written import documents, json_objects

COMMON = {
    "arch": "aarch64",
    "kernel_file_name": "",
    "initrd_file_name": "initrd",
    "kernel_parameters_file_name": "kernel-parameters",
    "squashfs": {"compressor": "zstd", "level": 3},
    "epoch": 7,
    "rebuild_initrd": False,
}
OF_KIWI = {"package_manager": "dnf", "profiles": [], "site_repositories": [], "replace_repositories": False}
BUILD = Options(arch="aarch64", epoch=7, kiwi=KiwiOptions(package_manager="dnf"))
CHANGE = Options(arch="aarch64", epoch=7, left_out=("run/*",))
KIWI = documents(KiwiOptions, site_repositories=st.lists(json_objects, max_size=2).map(tuple))


def test_every_option_has_a_default() -> None:
    assert Options.from_json("{}") == Options()


@pytest.mark.parametrize(
    ("options", "document"),
    [(BUILD, COMMON | OF_KIWI), (CHANGE, {**COMMON, "left_out": ["run/*"]})],
    ids=["of a build", "of a customization"],
)
def test_the_context_of_the_former_release_has_the_same_digest(options: Options, document: dict[str, object]) -> None:
    assert options.to_json() == json.dumps(document, sort_keys=True).encode()


@given(documents(Options, kiwi=st.none() | KIWI))
def test_what_is_written_is_read(options: Options) -> None:
    assert Options.from_json(options.to_json()) == options


def test_what_is_left_out_without_a_word_is_what_kiwi_leaves() -> None:
    assert Options.from_json('{"kiwi_options": ["--x"]}').left_out == LEFT_OUT


@pytest.mark.parametrize(
    ("arch", "asked", "name"),
    [("x86_64", "", "vmlinuz"), ("aarch64", "", "Image"), ("aarch64", "mine", "mine")],
    ids=["x86_64", "aarch64", "as the job says"],
)
def test_a_kernel_without_a_name_is_called_as_the_architectures_own(arch: str, asked: str, name: str) -> None:
    assert Options(arch=arch, kernel_file_name=asked).kernel_name == name


def test_options_are_read() -> None:
    options = Options.from_json('{"squashfs": {"compressor": "xz"}, "profiles": ["a", "b"], "epoch": 7}')
    assert options == Options(squashfs=Squashfs("xz"), epoch=7, kiwi=KiwiOptions(profiles=("a", "b")))


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("{", "cannot be read: it is not JSON"),
        ("[]", "cannot be read: it is not an object"),
        ('{"squashfs": {"speed": 9}}', "squashfs holds options unknown to this builder image: speed"),
        ('{"epoch": 1, "colour": "red", "age": 2}', "unknown to this builder image: age, colour"),
        ('{"epoch": "1"}', 'epoch is "1", not a whole number'),
    ],
    ids=["not JSON", "no object", "unknown option of squashfs", "unknown options", "another type"],
)
def test_what_cannot_be_understood_is_refused(document: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=f"step.json cannot be read: .*{reason.removeprefix('cannot be read: ')}"):
        Options.from_json(document)
