"""builder/pod/kiwi/recipe_scripts.py: its pipe. tests/builder/test_pod_programs.py has the calls of kiwi."""

import json
from pathlib import Path

from builder.pod.kiwi.recipe_scripts import RecipeScripts

SAID = {"script": "config.sh", "line": "half of"}


def test_a_script_that_was_killed_within_a_line_holds_up_nothing(tmp_path: Path) -> None:
    shown: list[str] = []
    with RecipeScripts(tmp_path, shown.append) as scripts:
        (tmp_path / "script-lines").write_text(json.dumps(SAID) + "\n" + json.dumps(SAID)[:20])
    assert (shown, scripts.failure) == (["config.sh: half of"], None)


def test_the_last_script_that_failed_is_the_failure(tmp_path: Path) -> None:
    ended = [{"script": "post_bootstrap.sh", "exit_code": 0}, SAID, {"script": "config.sh", "exit_code": 9}]
    with RecipeScripts(tmp_path, lambda line: None) as scripts:
        (tmp_path / "script-lines").write_text("".join(f"{json.dumps(each)}\n" for each in ended))
    assert str(scripts.failure) == "config.sh failed with exit code 9: half of"
