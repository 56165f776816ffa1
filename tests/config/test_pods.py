import pytest

from config.settings import read_settings
from errors import BadInput


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"IMS_BUILD_CPU_REQUEST": "1Gi"}, "IMS_BUILD_CPU_REQUEST: .*not a number of processors"),
        ({"IMS_BUILD_CPU_REQUEST": ""}, "IMS_BUILD_CPU_REQUEST: .*not a number of processors"),
        ({"IMS_POD_STORAGE_REQUEST": "100m"}, "IMS_POD_STORAGE_REQUEST: .*not an amount of storage"),
        ({"IMS_POD_CPU_LIMIT": "500m"}, "IMS_POD_CPU_LIMIT: 500m is less than the 1 of IMS_BUILD_CPU_REQUEST"),
        (
            {"IMS_POD_CPU_LIMIT": "2", "IMS_SHELL_CPU_REQUEST": "2500m"},
            "IMS_POD_CPU_LIMIT: 2 is less than the 2500m of IMS_SHELL_CPU_REQUEST",
        ),
        (
            {"IMS_POD_STORAGE_LIMIT": "500Mi"},
            "IMS_POD_STORAGE_LIMIT: 500Mi is less than the 1Gi of IMS_POD_STORAGE_REQUEST",
        ),
    ],
)
def test_a_wrong_quantity_is_refused_by_the_name_of_its_variable(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], reason: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BadInput, match=reason):
        read_settings()


def test_limits_may_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMS_POD_STORAGE_LIMIT", "")
    chosen = read_settings().resources
    assert (chosen.pod_cpu_limit, chosen.pod_storage_limit) == ("", "")


def test_a_folder_of_a_node_is_named_from_its_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMS_KUBERNETES_HOST_PATH", "srv/ims")
    with pytest.raises(BadInput, match="IMS_KUBERNETES_HOST_PATH"):
        read_settings()
