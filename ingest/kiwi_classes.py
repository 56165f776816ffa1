"""The program that has kiwi's own classes read a normalised description: what a build is made of is what they say.

The rule: they get a document without document type, entities and includes, so that they open no file that it names.
"""

import logging
import sys
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

from ingest.kiwi_refusal import refusal
from ingest.limits import Limits

# In the folder of kiwi's packages, from where this project makes it (builder/kiwi_packages.py).
EXPANDED_RULES = "kiwi/schema/kiwi.expanded.sch"


def run(packages: str, description: str, profiles: list[str], arch: str, scratch: str, limits: Limits) -> Any:
    """Return what kiwi makes of a description as `KiwiReading` has it, or why it refuses it as `KiwiRefusal`.

    Args:
        packages: The folder of kiwi's Python packages.
        description: The normalised description.
        profiles: The profiles that the job asks for; none: those that the description imports.
        arch: The architecture that is built.
        scratch: A folder for kiwi's files, which the caller removes.
        limits: This process's.
    """
    del limits  # The process is already confined by them.
    sys.path.insert(0, packages)
    _leave_out_slow_imports(Path(packages))
    logging.disable(logging.CRITICAL)
    # kiwi's loggers write to the standard output, which is for this program's answer.
    with redirect_stdout(sys.stderr):
        return _read(Path(packages), description, profiles, arch, scratch)


def _leave_out_slow_imports(packages: Path) -> None:
    """Stand in for two modules that kiwi imports and reading hardly uses: they take longer than all of kiwi's own."""
    # For downloads.
    sys.modules["requests"] = ModuleType("requests")
    # For the paths of kiwi's own files alone; kiwi 11 does without.
    resources = ModuleType("pkg_resources")
    resources.resource_filename = lambda package, name: str(packages / package / name)  # type: ignore[attr-defined]
    sys.modules["pkg_resources"] = resources


def _read(packages: Path, description: str, profiles: list[str], arch: str, scratch: str) -> Any:
    from kiwi import xml_description
    from kiwi.defaults import Defaults
    from kiwi.xml_description import XMLDescription
    from kiwi.xml_state import XMLState

    Defaults.set_temp_location(scratch)
    Defaults.set_platform_name(arch)
    # For <extension> kiwi would call xmlcatalog with words of the description; the builder images have none.
    xml_description.Command = _NoProgram
    _take_expanded_rules(packages / EXPANDED_RULES)
    refusals: list[dict[str, Any]] = []
    XMLDescription._get_relaxng_validation_details = staticmethod(  # noqa: SLF001 - it would call jing
        lambda schema, converted, log: refusals.append(refusal(description, schema, converted, log))
    )
    XMLDescription._get_schematron_validation_details = staticmethod(  # noqa: SLF001
        lambda report: refusals.extend({"why": text} for text in _failed_assertions(report))
    )
    try:
        data = XMLDescription(description).load()
        state = XMLState(data, profiles, None)
        return _answer(data, state)
    except (MemoryError, OSError):
        raise
    except Exception as error:  # noqa: BLE001 - in the pod kiwi would end with whatever it is
        if refusals:
            return refusals[0]
        return {"why": f"{error}".strip() or type(error).__name__}


def _take_expanded_rules(rules: Path) -> None:
    """Have lxml read kiwi's rules beside its schema as they are when expanded, which takes longer than all the rest."""
    from lxml import etree, isoschematron

    isoschematron.Schematron._expand = staticmethod(lambda _: etree.parse(rules))  # noqa: SLF001 - meant to be replaced


class _NoProgram:
    """Stands for kiwi's way to start programs."""

    @staticmethod
    def run(command: list[str], *_: Any, **__: Any) -> None:
        """Refuse to start one."""
        raise RuntimeError(f"{command[0]} is not installed")


def _answer(data: Any, state: Any) -> dict[str, Any]:
    asked = {id(each) for each in state.get_repository_sections_used_for_build()}
    of_build = {id(each) for each in state.get_repository_sections()}
    return {
        "package_manager": state.get_package_manager(),
        "image_type": state.get_build_type_name(),
        "profiles": state.profiles,
        "repositories": [
            {"asked": id(each) in asked, "left_out": id(each) not in of_build} for each in data.get_repository()
        ],
        "bootstrap_packages": state.get_bootstrap_packages(),
        "packages": state.get_system_packages(),
    }


def _failed_assertions(report: Any) -> list[str]:
    found = report.iter("{http://purl.oclc.org/dsdl/svrl}failed-assert")
    return [" ".join("".join(each.itertext()).split()) for each in found]
