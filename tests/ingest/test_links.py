"""ingest/links.py: where a recipe's symbolic links may lead."""

import pytest

from errors import BadInput
from ingest.links import LONGEST_TARGET_BYTES, check_links

ALLOWED: dict[str, dict[str, str]] = {
    "none": {},
    "beside it": {"a": "b"},
    "up, and inside": {"a/b/c": "../../d"},
    "to the top": {"a/b": ".."},
    "through another link": {"a": "b/c", "b": "d", "d/c": "../e"},
    "to what is not there": {"a": "missing/../b"},
    "absolute, of the image": {"root/etc/mtab": "/proc/self/mounts"},
    "up to the image's root": {"root/a/b": ".."},
    "absolute link to a link": {"root/a": "/b", "root/b": "c"},
    "as long as Linux has it": {"a": "b/" * (LONGEST_TARGET_BYTES // 2)},
    "forty links": {str(number): str(number + 1) for number in range(40)},
}
REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "up": ({"a": ".."}, "leads out of the archive"),
    "up from a folder": ({"a/b": "../../c"}, "leads out of the archive"),
    "up, and back in": ({"a": "../recipe/b"}, "leads out of the archive"),
    "absolute": ({"a": "/etc/passwd"}, "only links below root/ may be absolute"),
    "the overlay itself, absolute": ({"root": "/etc"}, "only links below root/ may be absolute"),
    "out of the image": ({"root/a": "../config.xml"}, "leads out of the image"),
    "out of the image from a folder": ({"root/a/b": "../.."}, "leads out of the image"),
    "out of the image, absolute": ({"root/a": "/../config.xml"}, "leads out of the image"),
    "up through another link": ({"a": "b/../../c", "b": "d"}, "leads out of the archive"),
    "through a link of the overlay": ({"a": "root/b", "root/b": "/etc"}, "only links below root/ may be absolute"),
    "itself": ({"a": "a"}, "leads in circles"),
    "each other": ({"a": "b", "b": "a"}, "leads in circles"),
    "forty-one links": ({str(number): str(number + 1) for number in range(41)}, "leads in circles"),
    "empty": ({"a": ""}, "is empty or longer than"),
    "too long": ({"a": "b" * (LONGEST_TARGET_BYTES + 1)}, "is empty or longer than"),
    "a control character": ({"a": "b\n"}, "control characters"),
    "not UTF-8": ({"a": "b\udcff"}, "is not UTF-8"),
}


@pytest.mark.parametrize("targets", ALLOWED.values(), ids=ALLOWED)
def test_a_link_may_lead_anywhere_inside_its_tree(targets: dict[str, str]) -> None:
    check_links(targets)


@pytest.mark.parametrize(("targets", "why"), REFUSED.values(), ids=REFUSED)
def test_a_link_that_leads_elsewhere_is_refused(targets: dict[str, str], why: str) -> None:
    with pytest.raises(BadInput, match=why) as refusal:
        check_links(targets)
    assert refusal.value.message.isprintable()


def test_the_message_names_the_link_and_its_target() -> None:
    with pytest.raises(BadInput, match=r"archive entry 'a/b', a symbolic link to '/c', leads out") as refusal:
        check_links({"a/b": "/c"})
    assert refusal.value.resolution == "remove it, or let it lead to a path inside"
