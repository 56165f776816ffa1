"""Tests of builder/mirror.py."""

from builder.mirror import AptSource, parse_sources

MAIN = "http://archive.example/debian/"


def line(
    created_by: str = "Packages", origin: str = "Debian", codename: str = "bookworm", component: str = "main"
) -> str:
    return "\t".join([created_by, origin, codename, MAIN, codename, component])


def test_sources_of_the_release_and_its_updates_are_taken_once_each() -> None:
    targets = "\n".join([line(codename="bookworm-updates"), line(), line(), line(component="contrib")])
    assert parse_sources(targets) == [
        AptSource(MAIN, "bookworm", "contrib"),
        AptSource(MAIN, "bookworm", "main"),
        AptSource(MAIN, "bookworm-updates", "main"),
    ]


def test_other_vendors_releases_backports_and_indexes_are_left_out() -> None:
    targets = [line(origin="Vendor"), line(codename="trixie"), line(codename="bookworm-backports"), line("Sources")]
    assert parse_sources("\n".join(targets)) == []


def test_a_source_reads_as_a_line_of_sources_list() -> None:
    assert str(AptSource(MAIN, "bookworm", "main")) == f"deb {MAIN} bookworm main"
