import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.quantities import millicores, storage_bytes


@pytest.mark.parametrize(
    ("text", "expected"), [("1", 1000), ("0.25", 250), ("1.5", 1500), ("250m", 250), ("16", 16000)]
)
def test_processors_are_read_as_kubernetes_reads_them(text: str, expected: int) -> None:
    assert millicores(text) == expected


@pytest.mark.parametrize("text", ["", "0", "0m", "-1", "1.5m", "0.0001", "1Gi", "one", " 1", "1 ", "1e3", "0.5.1", "٣"])
def test_what_is_no_number_of_processors_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a number of processors"):
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
    with pytest.raises(ValueError, match="not an amount of storage"):
        storage_bytes(text)


@given(st.integers(1, 10**6))
def test_a_thousandth_is_the_same_however_it_is_written(value: int) -> None:
    assert millicores(f"{value}m") == millicores(f"{value // 1000}.{value % 1000:03}") == value
