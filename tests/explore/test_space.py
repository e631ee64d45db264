"""Design spaces: numbers of points, values, and parts of a space."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tilefold.errors import TilefoldError
from tilefold.explore.space import MOST_POINTS, Parameter, Space

SPACE = Space(
    (
        Parameter("arrays", (1, 2, 4)),
        Parameter("mode", ("ws", "os")),
        Parameter("clock", (0.5, 1.0, 1.5, 2.0), "GHz"),
    )
)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=5))
def test_points_are_numbered_with_the_last_parameter_fastest(radices: list[int]) -> None:
    space = Space(tuple(Parameter(f"p{n}", tuple(range(r))) for n, r in enumerate(radices)))
    points = np.arange(space.size)
    places = space.places(points)
    assert (np.indices(radices).reshape(len(radices), -1) == places.T).all()
    assert (space.points(places) == points).all()


def test_values_of_points() -> None:
    columns = SPACE.columns(np.array([0, 5, 23]))
    assert columns["arrays"].tolist() == [1, 1, 4] and columns["arrays"].dtype == np.int64
    assert columns["mode"].tolist() == ["ws", "os", "os"]
    assert columns["clock"].tolist() == [0.5, 1.0, 2.0]
    for outside in (-1, 24):
        with pytest.raises(IndexError, match="points are from 0 to 23"):
            SPACE.columns(np.array([0, outside]))


def test_a_part_of_a_space_keeps_its_order() -> None:
    part = SPACE.restricted("clock", ["2", 0.5, "0.5"]).restricted("mode", ["os"])
    assert part.size == 6
    assert part.columns(np.arange(6))["clock"].tolist() == [0.5, 2.0] * 3
    assert set(part.columns(np.arange(6))["mode"]) == {"os"}


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("array", ["1"], r"no parameter is named 'array'; did you mean arrays\? \(arrays, mode, "),
        ("arrays", ["3"], "arrays cannot be 3; it is one of 1, 2, 4"),
        ("arrays", ["many"], "arrays cannot be many; it is one of 1, 2, 4"),
        ("mode", ["rs"], "mode cannot be rs; it is one of ws, os"),
        ("mode", [], "mode: give at least one value"),
    ],
)
def test_what_a_space_does_not_have(name: str, values: list[str], message: str) -> None:
    with pytest.raises(TilefoldError, match=message):
        SPACE.restricted(name, values)


@pytest.mark.parametrize("values", [(), (1, 1), (1, 1.0), (1, "a"), ("a", "a")])
def test_a_parameter_needs_different_values_of_a_kind(values: tuple[int | str, ...]) -> None:
    with pytest.raises(ValueError, match="a: "):
        Parameter("a", values)


@pytest.mark.parametrize("names", [("a", "a"), ("a", "A"), ("point",), ("a b",), ("1",), ('"',)])
def test_names_can_be_columns(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"cannot name a column|stands twice"):
        Space(tuple(Parameter(name, (1,)) for name in names))


def test_a_space_has_an_end() -> None:
    parameters = tuple(Parameter(f"p{n}", tuple(range(4))) for n in range(31))
    assert Space(parameters).size == MOST_POINTS
    with pytest.raises(TilefoldError, match="designs are too many; --fix some"):
        Space((*parameters, Parameter("q", (1, 2))))
    last = np.array([MOST_POINTS - 1])
    assert (Space(parameters).points(Space(parameters).places(last)) == last).all()
