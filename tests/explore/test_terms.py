"""Metrics opened into terms: they add up, from the leaves alone, to what is evaluated."""

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import numpy as np
import pytest
from tilefold.examples import fashion
from tilefold.explore.analytical.network import Network
from tilefold.explore.analytical.time import ProductTime
from tilefold.explore.evaluator import Restricted, evaluated
from tilefold.explore.families import Family
from tilefold.explore.machine_evaluator import MachineEvaluator
from tilefold.explore.space import IntArray
from tilefold.explore.terms import Explanation, How, Term, explanation_of
from tilefold.tests.support.designs import Designs

OPERATORS: Mapping[str, Callable[[list[Any]], Any]] = {
    "sum": sum,
    "largest": max,
    "least": min,
    "product": prod,
    "quotient": lambda parts: parts[0] / parts[1],
    "floor": lambda parts: parts[0] // parts[1],
    "ceiling": lambda parts: (parts[0] + parts[1] - 1) // parts[1],
    "excess": lambda parts: parts[0] - parts[1] if parts[0] > parts[1] else 0,
}
DESIGNS = 12


def from_leaves(term: Term) -> float:
    """What the leaves make, whatever the terms between say that they are."""
    if not term.parts:
        return term.value
    return OPERATORS[term.how]([from_leaves(part) for part in term.parts])


@pytest.fixture(scope="module")
def evaluator() -> MachineEvaluator:
    names = "first", "second"
    return MachineEvaluator([Network(name, fashion.int8_model()) for name in names], Family())


@pytest.fixture(scope="module")
def points(evaluator: MachineEvaluator) -> IntArray:
    """Random designs; some of them load weights again, or have too few for all."""
    space = evaluator.space
    places = space.places(np.random.default_rng(2).integers(0, space.size, DESIGNS))
    places[:, space.names.index("data")] = 0  # layers are looked at anew for each value
    places[: DESIGNS // 2, space.names.index("weights")] = 0
    return space.points(places)


@pytest.fixture(scope="module")
def explanations(evaluator: MachineEvaluator, points: IntArray) -> list[Explanation]:
    return evaluator.explained(points)


def test_terms_add_up_to_the_metrics(
    evaluator: MachineEvaluator, points: IntArray, explanations: list[Explanation]
) -> None:
    results = evaluated(evaluator, points)
    for number, found in enumerate(explanations):
        assert list(found.metrics) == ["latency", "energy", "area"]
        for name, term in found.metrics.items():
            assert term.value == pytest.approx(results[name][number], rel=1e-12)
            assert from_leaves(term) == pytest.approx(results[name][number], rel=1e-12)


def test_cycles_add_up_exactly(
    evaluator: MachineEvaluator, points: IntArray, explanations: list[Explanation]
) -> None:
    results = evaluated(evaluator, points)
    seen = set[str]()
    for number, found in enumerate(explanations):
        for network in found.metrics["latency"].parts:
            cycles, _ = network.parts
            made = from_leaves(cycles)
            assert isinstance(made, int)
            assert made == cycles.value == results[f"{network.name}_cycles"][number]
        for _, term in found.metrics["latency"].walk():
            if term.unit == "cycles":
                assert isinstance(term.value, int) and term.value >= 0
                seen |= {term.how}
    assert seen == {"given", "sum", "largest", "least", "product", "floor", "ceiling", "excess"}


def test_energies_of_layers_and_leakage(
    evaluator: MachineEvaluator, points: IntArray, explanations: list[Explanation]
) -> None:
    results = evaluated(evaluator, points)
    for number, found in enumerate(explanations):
        for network in found.metrics["energy"].parts:
            *layers, leakage = network.parts[0].parts
            rows = [row for row in found.layers if row["network"] == network.name]
            assert [row["layer"] for row in rows[1:]] == [layer.name for layer in layers]
            assert [row["pJ"] for row in rows[1:]] == [layer.value for layer in layers]
            whole = sum(row["pJ"] for row in rows) + leakage.value
            assert whole / 1e9 == pytest.approx(results[f"{network.name}_energy"][number])


def test_rows_of_layers(explanations: list[Explanation]) -> None:
    parts = ("compute", "memory", "vector", "reconfiguration", "stalls")
    bounds = set[str]()
    for found in explanations:
        for network in found.metrics["latency"].parts:
            cycles = network.parts[0]
            rows = [row for row in found.layers if row["network"] == network.name]
            assert [row["cycles"] for row in rows] == [layer.value for layer in cycles.parts]
            for row in rows:
                assert sum(row[part] for part in parts) == row["cycles"]
                busy = [row[part] for part in parts[:-1]]
                assert not row["bound"] or row[row["bound"]] == max(busy) > 0
                bounds.add(row["bound"])
    assert bounds >= {"", "compute", "vector", "reconfiguration"}


def test_a_part_of_the_space_explains_the_same_designs(
    evaluator: MachineEvaluator, points: IntArray, explanations: list[Explanation]
) -> None:
    values = evaluator.space.columns(points[:1])
    part = evaluator.space.restricted("units", [str(values["units"][0])])
    restricted = Restricted(evaluator, part)
    places = evaluator.space.places(points[:1])
    places[:, part.names.index("units")] = 0
    (found,) = explanation_of(restricted, part.points(places))
    assert found == explanations[0]


@pytest.mark.parametrize("name", ["work", "turns", "late", "body"])
def test_a_formula_that_changes_is_noticed(
    evaluator: MachineEvaluator, points: IntArray, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where cycles are computed otherwise, but their terms are not."""
    formula = getattr(ProductTime, name).func
    other = property(lambda self: formula(self) + 1)  # pyright: ignore[reportUnknownLambdaType]
    monkeypatch.setattr(ProductTime, name, other)
    with pytest.raises(ValueError, match="its parts make"):
        evaluator.explained(points)


def test_designs_that_are_not_explained() -> None:
    assert explanation_of(Designs(), np.array([0])) == []


def test_rows_of_terms(explanations: list[Explanation]) -> None:
    rows = explanations[0].terms
    assert [row["metric"] for row in rows if row["depth"] == 0] == ["latency", "energy", "area"]
    first = rows[0]
    assert (first["term"], first["formula"]) == ("latency", "first + second")
    before = rows[0]
    for row in rows[1:]:
        assert row["depth"] <= before["depth"] + 1
        assert row["term"].count(" / ") == row["depth"]
        before = row


@pytest.mark.parametrize(
    ("how", "values", "made", "formula"),
    [
        ("sum", (2, 3), 5, "a + b"),
        ("largest", (2, 3), 3, "max(a, b)"),
        ("least", (2, 3), 2, "min(a, b)"),
        ("product", (2, 3), 6, "a × b"),
        ("quotient", (3, 2), 1.5, "a / b"),
        ("floor", (7, 2), 3, "⌊a / b⌋"),
        ("ceiling", (7, 2), 4, "⌈a / b⌉"),
        ("excess", (7, 2), 5, "max(a − b, 0)"),
        ("excess", (2, 7), 0, "max(a − b, 0)"),
    ],
)
def test_a_term_is_what_its_parts_make(
    how: How, values: tuple[int, int], made: float, formula: str
) -> None:
    parts = tuple(Term(name, value, "") for name, value in zip("ab", values, strict=True))
    assert Term("x", made, "", "", how, parts).formula == formula
    with pytest.raises(ValueError, match=rf"x is {made + 1}, its parts make {made}"):
        Term("x", made + 1, "", "", how, parts)
    with pytest.raises(ValueError, match="its parts make"):
        Term("x", made * (1 + 1e-6) + 1e-6, "", "", how, parts)


def test_a_long_formula_is_counted() -> None:
    parts = tuple(Term(str(number), 1, "") for number in range(7))
    assert Term("x", 7, "", "", "sum", parts).formula == "sum of 7"
    assert Term("x", 1, "", "", "given").formula == ""
