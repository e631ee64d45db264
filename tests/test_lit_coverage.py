"""The lit tests are complete: every operation in both forms, every verifier error, every pass.

Messages are found in the source, as the literal parts of what is raised or yielded as a fault.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest
from tilefold.dialects.registry import DIALECTS
from tilefold.passes.registry import PASSES
from xdsl.ir import Dialect

TESTS = Path(__file__).parent
ROOT = TESTS.parent
LIT = TESTS / "lit"

REFUSALS = {
    "dialects": {"VerifyException", "ParseError", "raise_error", "Fault", "RuleViolation"},
    "passes": {"TilefoldError"},
}
"""How the folders refuse IR: the names of exceptions, methods and classes."""

PASSED_ON = {"fields.py", "isa_operands.py", "isa_rules.py"}
"""Files of dialects whose ValueError becomes a parse or verifier error."""

ELSEWHERE = {
    "unknown instruction ": "backend/test_assembler.py",
    "'end' without a loop": "backend/test_assembler.py",
    "a loop is not closed by 'end'": "backend/test_assembler.py",
    ": missing ": "backend/test_assembler.py",
    " has no operand '": "dialects/test_isa.py",
    " is not a float32": "dialects/test_isa.py",
    ": lost the layer name of ": "passes/test_nn_passes.py",
    "no layer is called '": "passes/test_explanation.py",
    ": its values are not finite: ": "passes/test_quantising.py",
    '" is there twice': "support/hostile_files.py",
    "' is part of several layers: ": "passes/test_explanation.py",
}
"""Messages that no IR can cause, only assembly, Python or a bug, and the tests that cause them."""

CUSTOM = re.compile(r"RUN: tilefold-opt %s \| tilefold-opt \| filecheck %s$", re.M)
GENERIC = re.compile(r"RUN: .* --print-op-generic \| tilefold-opt \| filecheck %s$", re.M)

Fragments = tuple[str, ...]


def fragments_of(node: ast.expr) -> Fragments | None:
    """The literal parts of a string with values in between; None for anything else."""
    match node:
        case ast.Constant(value=str(text)):
            return (text,)
        case ast.JoinedStr(values=values):
            parts = [""]
            for value in values:
                if isinstance(value, ast.Constant):
                    parts[-1] += str(value.value)
                else:
                    parts.append("")
            return tuple(parts)
        case ast.BinOp(left=left):
            return fragments_of(left)
        case _:
            return None


def messages_in(function: ast.FunctionDef, names: set[str]) -> Iterator[Fragments]:
    """The messages of calls of `names`: their first string, or one assigned to a variable."""
    assigned: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            assigned.setdefault(node.targets[0].id, []).append(node.value)
    for node in ast.walk(function):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        if called in names:
            message = node.args[{"Fault": 2, "ParseError": 1}.get(called, 0)]
            values = assigned.get(message.id, []) if isinstance(message, ast.Name) else [message]
            yield from filter(None, map(fragments_of, values))


def refusals(folder: str) -> set[Fragments]:
    """All messages with which the files of `folder` refuse IR."""
    found = set[Fragments]()
    for path in (ROOT / folder).rglob("*.py"):
        names = set(REFUSALS[folder])
        if path.name in PASSED_ON:
            names.add("ValueError")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                found.update(messages_in(node, names))
    return found


@cache
def checks() -> tuple[str, ...]:
    """What the lit tests expect, line by line."""
    lines: list[str] = []
    for path in LIT.rglob("*.mlir"):
        lines += re.findall(r"// [A-Z]+(?:-[A-Z]+)*: (.*)", path.read_text(encoding="utf-8"))
    return tuple(lines)


def expected(message: Fragments, texts: Iterable[str]) -> bool:
    """Whether one of `texts` has all parts of `message`, in order."""
    pattern = re.compile(".*".join(map(re.escape, message)))
    return any(pattern.search(text) for text in texts)


@pytest.mark.parametrize("folder", REFUSALS)
def test_every_error_is_expected_by_a_lit_test(folder: str) -> None:
    messages = refusals(folder)
    assert len(messages) > 20
    missing = [
        " ... ".join(message)
        for message in sorted(messages)
        if not expected(message, checks())
        and not any(known in part for known in ELSEWHERE for part in message)
    ]
    assert not missing, "no lit test expects these errors"


@pytest.mark.parametrize(("part", "test"), ELSEWHERE.items())
def test_errors_tested_elsewhere_are(part: str, test: str) -> None:
    messages = [message for folder in REFUSALS for message in refusals(folder)]
    assert any(part in fragment for message in messages for fragment in message)
    assert part.strip() in (TESTS / test).read_text(encoding="utf-8")


def test_every_pass_has_a_lit_test_that_runs_it() -> None:
    for each in PASSES:
        text = (LIT / "passes" / f"{each.name}.mlir").read_text(encoding="utf-8")
        assert re.search(rf"RUN: tilefold-opt %s -p '.*\b{each.name}\b.* \| filecheck", text)


def round_trips(dialect: Dialect, form: re.Pattern[str], prefix: str) -> list[str]:
    """What the files that print and parse a dialect in a form expect, in lines with a prefix."""
    folder = LIT / "dialects" / ("nn" if dialect.name == "quant" else dialect.name)
    texts = [path.read_text(encoding="utf-8") for path in folder.glob("*.mlir")]
    lines = [line for text in texts if form.search(text) for line in text.splitlines()]
    return [line for line in lines if re.match(rf"\s*// {prefix}(-[A-Z]+)?:", line)]


@pytest.mark.parametrize("form", [CUSTOM, GENERIC], ids=["custom", "generic"])
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_everything_makes_the_round_trip(dialect: Dialect, form: re.Pattern[str]) -> None:
    operations = [op.name for op in dialect.operations]
    attributes = [attribute.name for attribute in dialect.attributes]
    # Some attributes print their names in the generic form of operations only.
    for names, prefix in ((operations, "CHECK"), (attributes, "(CHECK|GENERIC)")):
        lines = round_trips(dialect, form, prefix)
        assert not [name for name in names if not re.search(rf"\b{name}\b", "\n".join(lines))]
