"""Changed assumptions: machines as files would say them, prices, and what becomes of a choice."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tilefold.costmodel.area import components
from tilefold.costmodel.energy import Action, Prices, sections
from tilefold.costmodel.technology import load_technology
from tilefold.costmodel.technology.varying import times
from tilefold.examples import fashion
from tilefold.explore.analytical.network import Network
from tilefold.explore.assumptions import Assumption, Varied, sensitivity
from tilefold.explore.constraints import parse_constraint
from tilefold.explore.edits import Edit, edited
from tilefold.explore.evaluator import Restricted, evaluated
from tilefold.explore.families import Family
from tilefold.explore.findings import compromise, runner_up
from tilefold.explore.machine_assumptions import machine_changes
from tilefold.explore.machine_evaluator import MachineEvaluator
from tilefold.explore.space import IntArray
from tilefold.explore.store import Store
from tilefold.explore.study import Question, Study, explore, objectives_of
from tilefold.explore.workers import Inline
from tilefold.machines.model import parse_machine
from tilefold.tests.support.designs import SPACE, Designs
from tilefold.tests.support.exploring import sampler

FAMILY = Family()
TEXT = FAMILY.text(FAMILY.first)
CHANGES = list(machine_changes(FAMILY.example))
TABLE = load_technology("16nm")


def substituted(edit: Edit) -> str:
    """The machine file with another number, by hand."""
    *_, name = edit.field.split(".")
    value = f'"{edit.value}"' if isinstance(edit.value, str) else edit.value
    number = rf"\b{name} = [^,}}]+"
    if edit.field.startswith("limit."):
        return re.sub(number, f"{name} = {value}", TEXT)
    part = edit.field.split(".")[0] if "." in edit.field else edit.part
    where = rf"(@{part} {{.*?)" if part else "()"
    changed, count = re.subn(f"{where}{number}", rf"\g<1>{name} = {value}", TEXT, count=1)
    return changed if count else re.sub(rf"(@{part} {{)", rf"\g<1>{name} = {value}, ", TEXT)


@pytest.mark.parametrize("edit", [edit for _, edit in CHANGES], ids=str)
def test_an_edited_machine_is_that_of_a_file(edit: Edit) -> None:
    other = parse_machine(substituted(edit), "other.mlir")
    mine = edited(FAMILY.example, [edit])
    assert (mine.hz, mine.parts) == (other.hz, other.parts)
    assert (mine.hz, mine.parts) != (FAMILY.example.hz, FAMILY.example.parts)


def test_what_is_assumed_of_machines() -> None:
    found = {(each.name, each.assumed, each.instead) for each, _ in CHANGES}
    assert found >= {
        ("clock", "800 MHz", "400 MHz"),
        ("@dram: latency", "80 cycles", "160 cycles"),
        ("@mesh: a hop", "1 cycles", "0 cycles"),
        ("@conv: wreg planes", "2", "1"),
        ("@conv: acc planes", "2", "1"),
        ("@conv: most positions of OX", "4", "8"),
        ("@conv: feed", "skew", "broadcast"),
        ("@data: banks", "32", "16"),
    }
    assert all(each.source for each, _ in CHANGES)
    assert len({(each.name, each.instead) for each, _ in CHANGES}) == len(CHANGES)


def test_one_section_of_a_technology_is_changed() -> None:
    machine = FAMILY.example
    actions = [
        Action("product", "conv", 8, 8), Action("keep", "conv"), Action("link", "conv"),
        Action("requantise", "act"), Action("pool", "act"), Action("read", "data"),
        Action("drain", "conv"), Action("write", "dram"),
    ]  # fmt: skip
    before = Prices(machine, TABLE)
    for section in ("fixed", "register", "interconnect", "lane", "adder", "sram", "dram.lpddr4"):
        after = Prices(machine, times(TABLE, section, "energy", 2.0))
        changed = 0
        for action in actions:
            mine = section in sections(machine, TABLE, action)
            factor = 2 if mine else 1
            changed += mine
            assert after.of(action).pj == pytest.approx(factor * before.of(action).pj, rel=1e-12)
        assert changed
        assert after.area == before.area
    for section in ("fixed", "register", "lane", "sram"):
        after = Prices(machine, times(TABLE, section, "area", 0.5))
        for name, component in components(machine, TABLE).items():
            factor = 0.5 if component.section == section else 1
            assert after.area[name] == pytest.approx(factor * before.area[name], rel=1e-12)
        assert [after.of(action) for action in actions] == [before.of(action) for action in actions]
    leaky = times(TABLE, "logic", "leakage", 2.0)
    assert leaky.logic.leakage_uw_per_mm2 == 2 * TABLE.logic.leakage_uw_per_mm2
    assert Prices(machine, leaky).area == before.area


def test_where_numbers_are_from() -> None:
    assert TABLE.source_of("dram.lpddr4") == TABLE.dram["lpddr4"].source
    assert TABLE.source_of("lane") == f"{TABLE.lane.source}; {TABLE.rule}"
    complete = load_technology("45nm")
    assert complete.source_of("lane") == complete.lane.source


@pytest.fixture(scope="module")
def source() -> Network:
    return Network("fashion", fashion.int8_model())


@pytest.fixture(scope="module")
def evaluator(source: Network) -> MachineEvaluator:
    return MachineEvaluator([source], FAMILY)


@pytest.fixture(scope="module")
def points(evaluator: MachineEvaluator) -> IntArray:
    places = evaluator.space.places(np.random.default_rng(3).integers(0, evaluator.space.size, 6))
    places[:, evaluator.space.names.index("data")] = 1
    return evaluator.space.points(places)


@pytest.fixture(scope="module")
def varied(
    evaluator: MachineEvaluator, points: IntArray
) -> dict[tuple[str, str], Mapping[str, npt.NDArray[Any]]]:
    return {(each.name, each.instead): of() for each, of in evaluator.varied(points)}


Found = dict[tuple[str, str], Mapping[str, npt.NDArray[Any]]]


def test_prices_change_what_they_are_for(
    evaluator: MachineEvaluator, points: IntArray, varied: Found
) -> None:
    """By as much as the terms of the energy say."""
    base = evaluated(evaluator, points)
    twice = varied["energy of DRAM", "x 2"]
    for number, found in enumerate(evaluator.explained(points)):
        moved = sum(
            term.value
            for path, term in found.metrics["energy"].walk()
            if path[-1].startswith("dram ")
        )
        assert moved > 0
        energy = base["energy"][number] + moved / 1e9
        assert twice["energy"][number] == pytest.approx(energy, rel=1e-9)
    assert (twice["latency"] == base["latency"]).all()
    assert (varied["area of SRAM", "x 0.5"]["area"] < base["area"]).all()
    assert (evaluated(evaluator, points)["energy"] == base["energy"]).all(), "left as it was"


def test_a_clock_changes_time_alone(
    evaluator: MachineEvaluator, points: IntArray, varied: Found
) -> None:
    base, half = evaluated(evaluator, points), varied["clock", "400 MHz"]
    assert half["latency"] == pytest.approx(2 * base["latency"])
    assert (half["fashion_cycles"] == base["fashion_cycles"]).all()
    assert (half["energy"] > base["energy"]).all(), "it leaks for twice the time"


def test_machines_change_cycles(
    evaluator: MachineEvaluator, points: IntArray, varied: Found
) -> None:
    base = evaluated(evaluator, points)["fashion_cycles"]
    assert (varied["@dram: latency", "160 cycles"]["fashion_cycles"] > base).all()
    assert (varied["@dram: latency", "40 cycles"]["fashion_cycles"] < base).all()
    assert (varied["@conv: feed", "broadcast"]["fashion_cycles"] < base).all()
    assert varied["@conv: wreg planes", "1"]["fashion_cycles"].sum() > 1.2 * base.sum()


def test_a_machine_file_with_the_number_gives_the_same(
    source: Network, points: IntArray, varied: Found
) -> None:
    """But for the tilings that are tried, which stay those of the family."""

    class Slow(Family):
        def text(self, values: Mapping[str, Any], name: str = "design") -> str:
            text = super().text(values, name)
            assert text.count("latency_cycles = 80") == 1
            return text.replace("latency_cycles = 80", "latency_cycles = 160")

    slow = MachineEvaluator([source], Slow())
    cycles = evaluated(slow, points)["fashion_cycles"]
    assert varied["@dram: latency", "160 cycles"]["fashion_cycles"] == pytest.approx(
        cycles, rel=0.05
    )


def test_banks_change_prices_alone(
    source: Network, evaluator: MachineEvaluator, points: IntArray, varied: Found
) -> None:
    edit = next(
        edit for each, edit in CHANGES if (each.name, each.instead) == ("@data: banks", "64")
    )
    other = MachineEvaluator([source], Family(edits=(edit,)))
    assert other.digest != evaluator.digest
    expected, found = evaluated(other, points), varied["@data: banks", "64"]
    for name, values in expected.items():
        assert found[name] == pytest.approx(values), name
    base = evaluated(evaluator, points)
    assert (found["latency"] == base["latency"]).all() and (found["area"] > base["area"]).all()


@dataclass(frozen=True)
class Assuming(Designs):
    """Its latency may be twice as long, that of fast designs only, or not be known at all."""

    def varied(self, points: IntArray) -> Varied:
        def changed(factor: float, least: int, valid: bool = True) -> dict[str, Any]:
            results = self.evaluate(points)
            speeds = self.space.columns(points)["speed"]
            slower = np.where(speeds >= least, factor, 1.0)
            kept = results["valid"] & (valid | (speeds < least))
            return results | {"latency_ms": results["latency_ms"] * slower, "valid": kept}

        yield Assumption("all", "1", "2", "made up"), partial(changed, 2.0, 0)
        yield Assumption("fast", "1", "9", "made up"), partial(changed, 9.0, 6)
        yield Assumption("gone", "1", "0", "made up"), partial(changed, 1.0, 6, valid=False)
        yield Assumption("none", "1", "0", "made up"), partial(changed, 1.0, 0, valid=False)


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Study]:
    with Store(tmp_path, Assuming()) as store:
        yield made(Assuming(), store)


def made(evaluator: Designs | Restricted, store: Store, *limits: str) -> Study:
    names = [*(metric.name for metric in evaluator.metrics)]
    constraints = tuple(parse_constraint(text, names) for text in limits)
    question = Question(objectives_of(evaluator, ("latency", "energy")), constraints)
    which = sampler("exhaustive", evaluator)
    return explore(evaluator, which, store, Inline(), question)


def test_what_becomes_of_a_choice(study: Study) -> None:
    chosen, second = compromise(study), runner_up(study)
    assert chosen is not None and second is not None
    speed = int(SPACE.columns(np.array([chosen]))["speed"][0])
    other = int(SPACE.columns(np.array([second]))["speed"][0])
    assert speed >= 6 and abs(speed - other) == 1
    every, fast, gone, none = sensitivity(study, chosen, second)
    assert every["latency_ms"] == pytest.approx(2 * 100 / speed)
    assert every["latency_ms ratio"] == pytest.approx(2)
    assert every["energy_uj ratio"] == every["area_mm2 ratio"] == 1
    assert (every["assumption"], every["assumed"], every["instead"]) == ("all", "1", "2")
    assert (every["kept"], every["on front"], every["before runner-up"]) == (True, True, True)
    assert every["chosen then"] == chosen
    assert fast["latency_ms ratio"] == pytest.approx(9)
    assert (fast["kept"], fast["on front"]) == (True, False)
    best = int(SPACE.columns(np.array([fast["chosen then"]]))["speed"][0])
    assert best <= 5
    assert gone["latency_ms"] is None and gone["latency_ms ratio"] is None
    assert (gone["kept"], gone["on front"], gone["before runner-up"]) == (False, False, None)
    assert gone["chosen then"] is not None and none["chosen then"] is None


def test_a_second_one_that_comes_before(study: Study) -> None:
    """All designs are as far from the best as they were; so the second one is not before itself."""
    chosen, second = compromise(study), runner_up(study)
    assert chosen is not None and second is not None
    swapped, *_ = sensitivity(study, second, chosen)
    assert swapped["before runner-up"] is False and swapped["on front"] is True


def test_constraints_may_be_broken(tmp_path: Path) -> None:
    with Store(tmp_path, Assuming()) as store:
        study = made(Assuming(), store, "latency<=8")
        chosen = compromise(study)
        assert chosen is not None
        every, *_ = sensitivity(study, chosen, runner_up(study))
    assert every["kept"] is False and every["latency_ms"] > 8
    assert every["chosen then"] != chosen


def test_a_part_of_the_space_and_few_of_a_front(tmp_path: Path) -> None:
    part = Restricted(Assuming(), SPACE.restricted("spare", ["3"]))
    with Store(tmp_path, part) as store:
        study = made(part, store)
        chosen = compromise(study)
        assert chosen is not None
        every, *_ = sensitivity(study, chosen, None)
        assert (every["designs"], every["before runner-up"]) == (32, None)
        assert every["area_mm2"] == part.space.columns(np.array([chosen]))["speed"][0] + 3


def test_nothing_is_assumed(tmp_path: Path) -> None:
    with Store(tmp_path, Designs()) as store:
        study = made(Designs(), store)
        assert sensitivity(study, int(study.front.points[0]), None) == []
