"""storage/models/fingerprint.py: what is not known to be the same has changed."""

from hypothesis import given, settings
from hypothesis import strategies as st

from storage.models.fingerprint import UNKNOWN, Fingerprint, folded, shortened, without_folders

INPUTS = st.dictionaries(st.sampled_from("abc"), st.sampled_from([UNKNOWN, "1", "2"]))


@settings(max_examples=60)
@given(before=INPUTS, now=INPUTS)
def test_an_input_has_changed_unless_both_digests_are_known_and_the_same(
    before: dict[str, str], now: dict[str, str]
) -> None:
    same = {name for name in before.keys() & now.keys() if before[name] == now[name] != UNKNOWN}
    changes = Fingerprint(inputs=now).changes_since(Fingerprint(inputs=before))
    assert changes == sorted((before.keys() | now.keys()) - same)


@settings(max_examples=60)
@given(before=INPUTS, later=INPUTS)
def test_what_a_later_reading_finds_otherwise_is_never_the_same_again(
    before: dict[str, str], later: dict[str, str]
) -> None:
    confirmed = Fingerprint(inputs=before).confirmed_by(Fingerprint(inputs=later))
    assert confirmed.inputs.keys() == before.keys() | later.keys()
    changed = set(Fingerprint(inputs=before).changes_since(Fingerprint(inputs=later)))
    assert {name for name in confirmed.inputs if confirmed.is_unknown(name)} == changed
    assert set(confirmed.changes_since(confirmed)) == changed


def test_the_order_of_the_inputs_does_not_matter_and_that_of_parts_of_one_does() -> None:
    assert Fingerprint.of([("a", "1"), ("b", "2")]).digest == Fingerprint.of([("b", "2"), ("a", "1")]).digest
    one, other = Fingerprint.of([("a", "1"), ("a", "2")]), Fingerprint.of([("a", "2"), ("a", "1")])
    assert one.changes_since(other) == ["a"]
    assert Fingerprint.of([("a", "1"), ("a", UNKNOWN)]).is_unknown("a")


def test_of_very_many_files_the_folders_are_inputs_and_no_change_is_missed() -> None:
    files = {f"root/{folder}/{number}": "1" for folder in range(5) for number in range(20)}
    known = Fingerprint.of(folded(files, 30))
    assert sorted(known.inputs) == [f"root/{folder}/…" for folder in range(5)]
    assert Fingerprint.of(folded(files | {"root/3/7": "2"}, 30)).changes_since(known) == ["root/3/…"]
    assert Fingerprint.of(folded(files, 30)).changes_since(known) == []
    assert list(Fingerprint.of(folded(files, 0)).inputs) == ["…"]


def test_few_of_many_names_are_shown() -> None:
    assert shortened(["a"]) == ["a"]
    assert shortened([f"{number}" for number in range(30)])[-2:] == ["9", "and 20 others"]
    assert len(shortened(["x" * 5000])[0]) < 300


def test_a_folder_is_not_named_beside_what_is_in_it() -> None:
    assert without_folders(["root", "root/etc", "root/etc/motd", "root-x"]) == ["root/etc/motd", "root-x"]
    both = ["repository http://h/a", "repository http://h/a/b"]
    assert without_folders(both) == both
