"""Tables: what identifies a row is never cut, no name runs down a letter a line."""

import io

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from cli.jobs import COLUMNS as JOB_COLUMNS
from cli.tables import NARROWEST, plain, print_table, stacked, widths_of
from storage.models.records import new_id

ARTIFACTS = ["type", "path", "md5"]
ARTIFACT = ["rootfs", f"s3://boot-images/{new_id()}/rootfs", "d41d8cd98f00b204e9800998ecf8427e"]
JOB = [new_id(), "packaging_artifacts", "customize", "2026-11-28 14:00", "compute", f"image {new_id()}", new_id()]


def printed(headings: list[str], rows: list[list[str]], width: int = 80) -> str:
    out = io.StringIO()
    print_table(Console(file=out, width=width, color_system=None), headings, rows)
    return out.getvalue()


def test_what_fits_is_a_table() -> None:
    shown = printed(["id", "name"], [[ARTIFACT[2], "compute"]]).splitlines()
    assert shown[0].split() == ["id", "name"]
    assert shown[1].split() == [ARTIFACT[2], "compute"]


def test_a_long_name_folds_and_the_id_stays_whole() -> None:
    known, name = new_id(), "a-name-of-many-letters-" * 4
    lines = printed(["id", "name"], [[known, name]]).splitlines()
    assert lines[1].startswith(known)
    assert "".join(line.removeprefix(known).strip() for line in lines[1:]) == name


def test_what_is_too_wide_has_lines_of_its_own_with_every_value_whole() -> None:
    for headings, row in ((ARTIFACTS, ARTIFACT), (list(JOB_COLUMNS), JOB)):
        lines = printed(headings, [row]).splitlines()
        assert lines[0] == row[0]
        for heading, value in zip(headings[1:], row[1:], strict=True):
            assert any(f"{heading}: {value}" in line for line in lines), lines


def test_a_value_that_is_empty_is_left_out_of_them() -> None:
    assert stacked(["id", "status", "image"], [["1", "error", ""]], 80) == ["1", "  status: error"]


@settings(max_examples=30, deadline=None)
@given(
    st.integers(40, 120),
    st.lists(st.lists(st.text("ab -语", max_size=60), min_size=3, max_size=3), min_size=1, max_size=3),
)
def test_a_column_is_whole_or_wide_enough_to_read(width: int, rows: list[list[str]]) -> None:
    widths = widths_of(["id", "name", "what"], rows, width)
    if widths is None:
        return
    assert sum(widths) + 4 <= width
    for number, given_width in enumerate(widths):
        natural = max(cell_len(row[number]) for row in rows)
        assert given_width >= (natural if number == 0 else min(natural, NARROWEST))


def test_a_terminal_without_unicode_shows_signs_of_ours_as_words_of_ascii() -> None:
    assert plain("a → b …", "utf-8") == "a → b …"
    assert plain("a → b … ü", "ascii") == "a -> b ... \\xfc"
