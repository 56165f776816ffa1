"""Quantities as Kubernetes writes them: processors (`500m`, `1.5`) and bytes (`10Gi`, `2G`).

They stay the text that they are, which goes into the manifests of pods as an administrator wrote it.
"""

import re
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator

MiB = 1 << 20
GiB_BYTES = 1 << 30

_PROCESSORS = re.compile(r"(?P<milli>[0-9]+)m|[0-9]+(\.[0-9]{1,3})?")
_BYTES = re.compile(r"(?P<number>[0-9]+(\.[0-9]+)?)(?P<unit>Ki|Mi|Gi|Ti|k|M|G|T)?")
_UNITS = {None: 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_UNITS |= {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40}


def millicores(text: str) -> int:
    """Read a number of processors, in thousandths of one.

    Raises:
        ValueError: It is not one, or is zero.
    """
    match = _PROCESSORS.fullmatch(text)
    value = 0 if match is None else int(match["milli"]) if match["milli"] else int(Decimal(text) * 1000)
    if value == 0:
        raise ValueError(f"{text!r} is not a number of processors: write it like 2, 1.5 or 500m (thousandths)")
    return value


def storage_bytes(text: str) -> int:
    """Read an amount of storage.

    Raises:
        ValueError: It is not one, or is zero.
    """
    match = _BYTES.fullmatch(text)
    value = 0 if match is None else int(Decimal(match["number"]) * _UNITS[match["unit"]])
    if value == 0:
        raise ValueError(f"{text!r} is not an amount of storage: write bytes, or a unit like 500Mi, 10Gi or 2G")
    return value


def _processors(text: str) -> str:
    millicores(text)
    return text


def _storage(text: str) -> str:
    storage_bytes(text)
    return text


Processors = Annotated[str, AfterValidator(_processors)]
Storage = Annotated[str, AfterValidator(_storage)]
# An empty one is no limit.
ProcessorLimit = Annotated[str, AfterValidator(lambda text: _processors(text) if text else text)]
StorageLimit = Annotated[str, AfterValidator(lambda text: _storage(text) if text else text)]
