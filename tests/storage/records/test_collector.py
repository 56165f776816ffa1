"""The collector of garbage is paused, and never stays so."""

import gc

import pytest

from storage.records.collector import collector_paused


def test_it_is_paused_and_starts_again() -> None:
    with collector_paused():
        assert not gc.isenabled()
        with collector_paused():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError), collector_paused():
        raise ZeroDivisionError
    assert gc.isenabled()
