import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.quantities import millicores, storage_bytes
from config.settings import settings
from errors import BadInput


@pytest.mark.parametrize(
    ("text", "expected"), [("1", 1000), ("0.25", 250), ("1.5", 1500), ("250m", 250), ("16", 16000)]
)
def test_processors_are_read_as_kubernetes_reads_them(text: str, expected: int) -> None:
    assert millicores(text) == expected


@pytest.mark.parametrize("text", ["", "0", "0m", "-1", "1.5m", "0.0001", "1Gi", "one", " 1", "1 ", "1e3", "0.5.1", "٣"])
def test_what_is_no_number_of_processors_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no number of processors"):
        millicores(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1Gi", 1 << 30), ("1.5Gi", 3 << 29), ("2G", 2 * 10**9), ("500Mi", 500 << 20), ("1024", 1024)],
)
def test_storage_is_read_as_kubernetes_reads_it(text: str, expected: int) -> None:
    assert storage_bytes(text) == expected


# 100m is a tenth of a byte to Kubernetes.
@pytest.mark.parametrize("text", ["", "0", "0Gi", "-1Gi", "100m", "10GB", "10gi", "ten", "1 Gi", "٣Gi"])
def test_what_is_no_amount_of_storage_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no amount of storage"):
        storage_bytes(text)


@given(st.integers(1, 10**6))
def test_a_thousandth_is_the_same_however_it_is_written(value: int) -> None:
    assert millicores(f"{value}m") == millicores(f"{value // 1000}.{value % 1000:03}") == value


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"IMS_BUILD_CPU_REQUEST": "1Gi"}, "IMS_BUILD_CPU_REQUEST: .* no number of processors"),
        ({"IMS_BUILD_CPU_REQUEST": ""}, "IMS_BUILD_CPU_REQUEST: .* no number of processors"),
        ({"IMS_POD_STORAGE_REQUEST": "100m"}, "IMS_POD_STORAGE_REQUEST: .* no amount of storage"),
        ({"IMS_POD_CPU_LIMIT": "500m"}, "IMS_POD_CPU_LIMIT: .* 500m is less than the 1 of IMS_BUILD_CPU_REQUEST"),
        (
            {"IMS_POD_CPU_LIMIT": "2", "IMS_SHELL_CPU_REQUEST": "2500m"},
            "IMS_POD_CPU_LIMIT: .* 2 is less than the 2500m of IMS_SHELL_CPU_REQUEST",
        ),
        (
            {"IMS_POD_STORAGE_LIMIT": "500Mi"},
            "IMS_POD_STORAGE_LIMIT: .* 500Mi is less than the 1Gi of IMS_POD_STORAGE_REQUEST",
        ),
    ],
)
def test_a_wrong_quantity_is_refused_by_the_name_of_its_variable(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], reason: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    with pytest.raises(BadInput, match=reason):
        settings()
    settings.cache_clear()


def test_limits_may_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMS_POD_STORAGE_LIMIT", "")
    settings.cache_clear()
    assert (settings().pod_cpu_limit, settings().pod_storage_limit) == ("", "")
    settings.cache_clear()
