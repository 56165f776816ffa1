"""api/openapi.py: the published document, kept as a file, so that a change of the API is seen as a change of that file.

`python -m tests.api.test_openapi` writes the file again.
"""

import json
from pathlib import Path

from api.app import application
from tests.repository import REPOSITORY

FILE = REPOSITORY / "docs" / "openapi.json"


def document() -> str:
    made = application().openapi()
    # It differs by the release alone.
    made["info"]["version"] = "x"
    return json.dumps(made, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def test_the_document_is_that_of_the_file() -> None:
    assert document() == FILE.read_text(), "the API has changed: python -m tests.api.test_openapi writes the file again"


def test_every_operation_has_a_name_and_says_which_problems_it_answers_with() -> None:
    made = json.loads(document())
    operations = [operation for path in made["paths"].values() for operation in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    for operation in operations:
        for status, answer in operation["responses"].items():
            assert (int(status) < 400) == ("application/problem+json" not in answer.get("content", {})), operation


if __name__ == "__main__":
    FILE.write_text(document())
    print(Path(FILE).relative_to(REPOSITORY))
