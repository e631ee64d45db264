"""The reference page is up to date."""

from pathlib import Path

from tilefold.backend.isa_reference import render
from tilefold.dialects.isa_table import BY_OPCODE, INSTRUCTIONS

PAGE = Path(__file__).parents[2] / "docs" / "isa.md"


def test_the_page_is_what_the_table_says():
    hint = "run: python -m tilefold.backend.isa_reference > docs/isa.md"
    assert PAGE.read_text(encoding="utf-8") == render(), hint


def test_opcodes_and_names_are_distinct():
    assert len(BY_OPCODE) == len(INSTRUCTIONS)
    for spec in INSTRUCTIONS.values():
        assert len(spec.by_name) == len(spec.fields)
        assert all(field.doc for field in spec.fields)
