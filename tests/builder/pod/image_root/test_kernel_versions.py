"""builder/pod/image_root/kernel_versions.py orders versions as rpm does, and kernels' names as dpkg and sort do."""

import itertools
import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builder.pod.image_root.kernel_versions import age_of, newest, without_flavour
from tests.builder_pod import run_in_builder

NUMBERS = st.integers(0, 120).map(str)
NAMES = st.one_of(
    st.builds("{}.{}.0-{}-amd64".format, NUMBERS, NUMBERS, NUMBERS),
    st.builds("5.14.{}-{}.el9_{}.x86_64".format, NUMBERS, NUMBERS, NUMBERS),
    st.builds("5.14.21-1505{}.55.{}-default".format, NUMBERS, NUMBERS),
    st.builds("{}.{}.0-{}-generic".format, NUMBERS, NUMBERS, NUMBERS),
)


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(NAMES, min_size=20, max_size=40, unique=True))
def test_the_names_of_kernels_are_ordered_as_dpkg_and_sort_do(names: list[str]) -> None:
    ordered = sorted(names, key=age_of)
    by_sort = subprocess.run(["sort", "-V"], input="\n".join(names), capture_output=True, text=True, check=True)
    for older, newer in itertools.pairwise(ordered):
        said = subprocess.run(["dpkg", "--compare-versions", older, "lt", newer], check=False).returncode
        # The schemes of two distributions are never in one root: their words compare as each tool likes.
        if older.count("-") == newer.count("-") and older.rpartition("-")[2] == newer.rpartition("-")[2]:
            assert said == 0, (older, newer)
    debian = [name for name in ordered if name.endswith("-amd64")]
    assert debian == [name for name in by_sort.stdout.split() if name.endswith("-amd64")]


@pytest.mark.containers
def test_any_versions_are_ordered_as_rpm_does(tmp_path: Path) -> None:
    # rpm.vercmp takes `-` as what parts version and release.
    words = st.text("0019aAbz._+~^", min_size=1, max_size=9)
    pairs: list[tuple[str, str]] = []

    @settings(max_examples=300, deadline=None, database=None)
    @given(words, words)
    def collect(one: str, other: str) -> None:
        pairs.append((one, other))

    collect()
    program = "".join(f"print(rpm.vercmp({json.dumps(one)}, {json.dumps(other)}))\n" for one, other in pairs)
    (tmp_path / "compare.lua").write_text(program)
    ran = run_in_builder(["rpmlua", "/workspace/compare.lua"], workspace=tmp_path)
    said = [int(line) for line in ran.stdout.split()]
    assert len(said) == len(pairs) >= 300, ran.stdout
    ours = [(age_of(one) > age_of(other)) - (age_of(one) < age_of(other)) for one, other in pairs]
    assert [pair for pair, a, b in zip(pairs, said, ours, strict=True) if a != b] == []


@pytest.mark.parametrize(
    ("version", "bare"),
    [
        ("6.1.0-31-cloud-amd64", "6.1.0-31"),
        ("5.14.0-503.el9.x86_64+debug", "5.14.0-503.el9.x86_64"),
        ("5.14.0-503.el9.aarch64+64k", "5.14.0-503.el9.aarch64"),
        ("5.14.21-150500.55.7-64kb", "5.14.21-150500.55.7"),
        ("6.8.0-50-lowlatency", "6.8.0-50"),
        ("6.1.0", "6.1.0"),
        ("9.9.9-new", "9.9.9"),
    ],
)
def test_a_flavour_is_what_builds_of_one_kernel_differ_in(version: str, bare: str) -> None:
    assert without_flavour(version) == bare


@pytest.mark.parametrize(
    ("versions", "latest"),
    [
        (["6.1.0-9-amd64", "6.1.0-31-amd64"], ["6.1.0-31-amd64"]),
        (["6.1.0-tiny", "9.9.9-new"], ["9.9.9-new"]),
        (["6.1.0-31-amd64", "6.1.0-31-rt-amd64", "6.1.0-9-amd64"], ["6.1.0-31-amd64", "6.1.0-31-rt-amd64"]),
        (["6.1.0-31-amd64", "6.1.0-32-rt-amd64"], ["6.1.0-32-rt-amd64"]),
    ],
)
def test_the_newest_are_several_when_only_their_flavour_differs(versions: list[str], latest: list[str]) -> None:
    assert newest(versions) == latest
