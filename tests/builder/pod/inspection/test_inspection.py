"""builder/pod/inspection/inspection.py: a whole root passes; what is planted in it is found, and nothing else."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builder.contract.inspection import WEIGHTS, Weight
from builder.contract.options import Options
from builder.pod.inspection.inspection import fail_for, inspect_open_root, inspect_root
from builder.pod.step import StepFailed
from tests.builder.whole_root import FAULTS, NEWER, Choices, add_kernel, make_root, put

ROOTS = st.builds(Choices, machine_id=st.sampled_from([None, "", "uninitialized\n"]))


def names(root: Path, **options: object) -> list[str]:
    """Return the kinds of what is found."""
    return [each.name for each in inspect_root(root, Options(**options)).findings]  # type: ignore[arg-type]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ROOTS, st.sets(st.sampled_from(sorted(FAULTS)), max_size=3))
def test_what_is_planted_is_found_and_nothing_else(choices: Choices, planted: set[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = make_root(Path(folder) / "root", choices)
        for fault in sorted(planted):
            FAULTS[fault][1](root)
        assert set(names(root)) == {FAULTS[fault][0] for fault in planted}
        assert all(each.what.isprintable() and each.advice for each in inspect_root(root, Options()).findings)


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_found(fault: str, tmp_path: Path) -> None:
    root = make_root(tmp_path / "root")
    assert names(root) == []
    name, plant = FAULTS[fault]
    plant(root)
    assert names(root) == [name]


def test_a_root_without_a_kernel_is_an_error_among_others(tmp_path: Path) -> None:
    root = make_root(tmp_path / "root")
    for file in (root / "boot").iterdir():
        file.unlink()
    (root / "etc").chmod(0o700)
    inspection = inspect_root(root, Options())
    assert [each.name for each in inspection.errors] == ["boot-files", "closed-folder"]
    with pytest.raises(StepFailed, match=r"^the image root has no kernel: .*; only root can enter /etc \(0700\)$"):
        fail_for(inspection)


def test_warnings_do_not_fail(tmp_path: Path) -> None:
    root = make_root(tmp_path / "root")
    put(root, "etc/machine-id", "2f0c")
    fail_for(inspect_root(root, Options()))


def test_a_site_may_turn_weights(tmp_path: Path) -> None:
    root = make_root(tmp_path / "root")
    put(root, "etc/machine-id", "2f0c")
    (root / "etc").chmod(0o700)
    turned = inspect_root(root, Options(weights={"machine-id": "error", "closed-folder": "warning"}))
    assert [(each.name, each.weight) for each in turned.findings] == [
        ("machine-id", "error"),
        ("closed-folder", "warning"),
    ]
    assert names(root, weights={"machine-id": "ignored", "closed-folder": "ignored"}) == []


def test_several_kernels_are_a_warning_that_says_which_is_packed(tmp_path: Path) -> None:
    root = make_root(tmp_path / "root", Choices(named=False))
    add_kernel(root, NEWER)
    [finding] = inspect_root(root, Options()).findings
    assert finding.weight == Weight.WARNING
    assert finding.what == (
        "/boot/vmlinuz-6.1.0-40-amd64 is packed, and the image root has also the kernels 6.1.0-31-amd64"
    )


def test_an_open_root_is_inspected_for_errors_alone(tmp_path: Path) -> None:
    root = make_root(tmp_path / "root")
    put(root, "etc/ssh/ssh_host_rsa_key", "-----BEGIN PRIVATE KEY-----")
    assert inspect_open_root(root, Options(), None).findings == ()
    (root / "usr").chmod(0o700)
    assert [each.name for each in inspect_open_root(root, Options(), None).findings] == ["closed-folder"]


def test_all_of_the_roots_entries_are_counted(tmp_path: Path) -> None:
    root = make_root(tmp_path / "root")
    assert inspect_root(root, Options()).entries == len([*root.rglob("*")])


def test_every_kind_of_finding_can_be_found() -> None:
    elsewhere = {"boot-files", "no-modules", "several-kernels"}
    assert {name for name, _ in FAULTS.values()} | elsewhere == set(WEIGHTS)
