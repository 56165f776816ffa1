"""config/distributions.py."""

import pytest
from pydantic import TypeAdapter, ValidationError

from config.distributions import KNOWN, LinuxDistribution, is_same

ANY = TypeAdapter[str](LinuxDistribution)


@pytest.mark.parametrize("word", [*KNOWN, "almalinux-9.4", "opensuse_leap15.6", "SLES15", "9"])
def test_any_word_is_taken_as_it_is(word: str) -> None:
    assert ANY.validate_python(word) == word


@pytest.mark.parametrize("text", ["", "Rocky Linux 9", "rocky9\n", "--name", "a/b", "ä", "x" * 65])
def test_what_is_not_one_word_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        ANY.validate_python(text)


def test_a_word_is_the_same_in_any_case_and_no_other() -> None:
    assert is_same("SLES15", "sles15")
    assert not is_same("rocky9", "centos7")
