"""`tilefold ops` and the page made from it."""

import json
from pathlib import Path

import pytest
from tilefold.frontend.catalogue import OPERATORS, markdown
from tilefold.tools.ops import ops

PAGE = Path(__file__).parents[2] / "docs" / "operators.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == markdown(), "run: tilefold ops --markdown > docs/operators.md"


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    ops(json=True)
    listed = json.loads(capsys.readouterr().out)
    assert [(entry["domain"], entry["name"]) for entry in listed] == list(OPERATORS)


def test_table(capsys: pytest.CaptureFixture[str]) -> None:
    ops()
    assert "QLinearConv" in capsys.readouterr().out


def test_sentences_are_sentences() -> None:
    for operator in OPERATORS.values():
        texts = [operator.summary, *(constraint.sentence for constraint in operator.constraints)]
        assert all(text.endswith(".") for text in texts)
