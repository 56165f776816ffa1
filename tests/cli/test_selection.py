"""`--name`, `--sort` and `--limit` of lists."""

from datetime import UTC, datetime

from cli.selection import Order, selected
from storage.models.records import Image

IMAGES = [
    Image(name=name, created=datetime(2026, 1, day, tzinfo=UTC)) for day, name in enumerate(["b", "a-2", "A-1"], 1)
]


def names(name: str = "", order: Order = Order.CREATED, limit: int | None = None) -> list[str]:
    return [each.name for each in selected(IMAGES, name, order, limit)]


def test_a_list_is_whole_and_the_oldest_first_unless_asked_otherwise() -> None:
    assert names() == ["b", "a-2", "A-1"]
    assert names(order=Order.NEWEST) == ["A-1", "a-2", "b"]
    assert names(order=Order.NAME) == ["A-1", "a-2", "b"]


def test_a_limit_keeps_the_first_of_the_order() -> None:
    assert names(order=Order.NEWEST, limit=1) == ["A-1"]


def test_a_star_stands_for_any_letters_and_case_counts() -> None:
    assert names("a*") == ["a-2"]
    assert names("b") == ["b"]
    assert names("*-*", limit=1) == ["a-2"]
