"""Random templates and lists of them: each is rendered, or refused with its file; nothing else comes out."""

import string
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from errors import BadInput
from ingest import templates
from ingest.limits import Limits
from tests.ingest.trees import scratch_folder

LIMITS = Limits(bytes=1 << 16, entries=9, memory_bytes=1 << 20, seconds=1)
PARTS = st.sampled_from(
    [
        *("{{", "}}", "{%", "%}", "{#", "#}", "${#a[@]}", "{% raw %}", "{% endraw %}", "{% if a %}", "{% endif %}"),
        *("{% set a = ", "{% macro m(a, a) %}", "{% block b %}", "{% for a in a %}", "{% call m() %}", "{{ m() }}"),
        *(" a", " b", "'", '"', "\n", "\\", "(", ")", "[", "]", ".", "|", "~", "-", "+ 1", "/ 0", "is", "loop", "self"),
        *("1e999", "9" * 5000, "'\\ud800'", "\\x", "|int", "|list", "|format(9)", "\0", "\udcff", "é", "🐧"),
    ]
)
TEXTS = st.lists(PARTS, max_size=9).map("".join) | st.text(string.printable, max_size=20)
LISTS = st.just("template_files: [config.sh]") | TEXTS | TEXTS.map(lambda text: f"template_files: [{text}]")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TEXTS, LISTS, st.dictionaries(st.sampled_from("ab"), st.text(max_size=5), min_size=1))
def test_any_template_is_rendered_or_refused(text: str, listed: str, dictionary: dict[str, str]) -> None:
    with scratch_folder() as folder:
        (folder / "config.sh").write_bytes(text.encode(errors="surrogateescape"))
        (folder / templates.LIST_NAME).write_bytes(listed.encode(errors="surrogateescape"))
        before = {path.name for path in Path(folder).iterdir()}
        try:
            templates.run(str(folder), dictionary, LIMITS)
        except BadInput:
            assert (folder / "config.sh").read_bytes() == text.encode(errors="surrogateescape")
        assert {path.name for path in Path(folder).iterdir()} == before
