"""Constraints as text."""

import numpy as np
import pytest
from tilefold.errors import TilefoldError
from tilefold.explore.constraints import parse_constraint, violation

NAMES = ("latency_ms", "area_mm2", "arrays")


@pytest.mark.parametrize(
    ("text", "shown", "violations"),
    [
        ("area_mm2<=20", "area_mm2<=20", [0.0, 0.0, 0.05]),
        (" area < 2e1 ", "area_mm2<20", [0.0, np.finfo(float).tiny, 0.05]),
        ("area>=.2E2", "area_mm2>=20", [0.95, 0.0, 0.0]),
        ("area>-1", "area_mm2>-1", [0.0, 0.0, 0.0]),
        ("area==20.", "area_mm2==20", [0.95, 0.0, 0.05]),
        ("area<=0", "area_mm2<=0", [1.0, 20.0, 21.0]),
    ],
)
def test_constraints(text: str, shown: str, violations: list[float]) -> None:
    constraint = parse_constraint(text, NAMES)
    assert str(constraint) == shown
    columns = {"area_mm2": np.array([1.0, 20.0, 21.0]), "valid": np.ones(3, bool)}
    assert constraint.violation(columns) == pytest.approx(violations, rel=1e-12, abs=0)
    assert violation([constraint], columns) == pytest.approx(violations, rel=1e-12, abs=0)


def test_several_add_up_and_a_design_that_is_not_valid_is_far_outside() -> None:
    constraints = [parse_constraint(text, NAMES) for text in ("area<=10", "arrays>=4")]
    columns = {
        "area_mm2": np.array([10.0, 15.0, np.nan]),
        "arrays": np.array([4, 1, 4]),
        "valid": np.array([True, True, False]),
    }
    assert violation(constraints, columns).tolist() == [0.0, 1.25, np.inf]
    assert violation([], columns).tolist() == [0.0, 0.0, np.inf]


@pytest.mark.parametrize(
    "text", ["area", "area<=", "<=2", "area<=2mm", "area=2", "area<=nan", "2<area"]
)
def test_text_that_is_no_constraint(text: str) -> None:
    with pytest.raises(TilefoldError, match="write NAME<=NUMBER"):
        parse_constraint(text, NAMES)


def test_unknown_names() -> None:
    with pytest.raises(
        TilefoldError, match=r"no metric is named 'latncy_ms'; did you mean latency_ms"
    ):
        parse_constraint("latncy_ms<=2", NAMES)
    with pytest.raises(
        TilefoldError, match="'x'; give one of these \\(latency_ms, area_mm2, arrays"
    ):
        parse_constraint("x<=2", NAMES)
