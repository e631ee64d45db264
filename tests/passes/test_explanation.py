"""What `--explain` says is what was compiled, and what the passes reckoned with."""

import json
from random import Random

import pytest
from tilefold.compiler import Compilation
from tilefold.dialects import nn
from tilefold.dialects.fabric import FoldAttr
from tilefold.dialects.location import name_of
from tilefold.dialects.schedule import ConfigureOp, ProgramOp
from tilefold.errors import TilefoldError
from tilefold.passes.explanation import Explanation, explain
from tilefold.passes.folding.choice import all_together, cost
from tilefold.passes.folding.ranking import CHOSEN, ranked_folds, why_chosen
from tilefold.passes.folding.space import space_of
from tilefold.passes.lower_to_schedule import LowerToSchedulePass
from tilefold.passes.pipelines import Schedule, run_passes, schedule_passes
from tilefold.tests.support.compiled_networks import shipped_on
from tilefold.tests.support.fold_choices import random_problem
from tilefold.tools.explain import record, tables
from xdsl.ir import Attribute


def explained(layer: str, machine: str = "dna_a600", count: int = 6) -> Explanation:
    levels = shipped_on(machine)
    return explain(levels.nn, levels.context, Schedule.OVERLAPPED, layer, count)


@pytest.mark.parametrize("seed", range(30))
def test_a_fold_costs_what_the_choice_is_charged(seed: int) -> None:
    """Any other configuration in a layer's place changes the cost of the whole choice as ranked."""
    space = space_of(*random_problem(Random(seed), 1 + seed % 2))
    chosen = all_together(space)
    for row in range(len(space.works)):
        ranked = ranked_folds(space, chosen, row)
        assert [each.standing for each in ranked].count(CHOSEN) == 1
        assert len(ranked) == int(space.legal[row].sum())
        mine = next(each for each in ranked if each.standing == CHOSEN)
        for each in ranked:
            other = chosen.copy()
            other[row] = space.columns.index(each.configuration)
            assert cost(space, other) - cost(space, chosen) == each.total - mine.total
            assert each.total >= mine.total
            assert 0 <= each.utilisation <= 1
        assert why_chosen(space, chosen, row).startswith("cheapest")


@pytest.mark.parametrize("machine", ["dna_a600", "tiny", "tpu_like"])
def test_the_first_tiling_is_the_chosen_one(machine: str) -> None:
    found = explained("stem/conv", machine, 1000)
    cycles = [(each.cycles, each.tiles) for each in found.tilings]
    assert cycles == sorted(cycles)
    for each in (*found.tilings, *found.unfit):
        parts = dict(each.parts)
        exposed = parts.pop("exposed")
        assert each.cycles == max(parts.values()) + exposed
        assert each.moved >= 0
    assert all(each.fits for each in found.tilings)
    assert not any(each.fits for each in found.unfit)
    assert found.unfit or machine != "tiny"
    assert len(found.tilings) > 1
    best = _chosen_tilings(shipped_on(machine))["stem/conv"]
    assert found.tilings[0].tiling == best


def _chosen_tilings(levels: Compilation) -> dict[str, Attribute]:
    """The tiling that `choose-tile` gives each layer."""
    module = levels.nn.clone()
    for each in schedule_passes():
        if isinstance(each, LowerToSchedulePass):
            break
        run_passes([each], levels.context, module)
    layers = [op for op in module.walk() if isinstance(op, nn.ConvOp | nn.MatmulOp)]
    return {name_of(op): op.attributes["tiling"] for op in layers}


def test_the_chosen_fold_is_configured() -> None:
    (program,) = (op for op in shipped_on("dna_a600").schedule.ops if isinstance(op, ProgramOp))
    configured: FoldAttr | None = None
    checked = 0
    for op in program.body.block.ops:
        if isinstance(op, ConfigureOp):
            configured = op.fold
            (fold,) = (each for each in explained(name_of(op)).folds if each.standing == CHOSEN)
            assert fold.configuration.attribute((8, 8)) == configured
            checked += 1
    assert checked > 2


def test_what_is_kept_and_fused() -> None:
    every = {
        name: explained(name)
        for name in shipped_on("dna_a600").program.layers
        if any(name_of(op) == name for op in shipped_on("dna_a600").nn.walk())
    }
    texts = [
        text for found in every.values() for text in (found.result, *dict(found.inputs).values())
    ]
    assert any(text.startswith("kept in @data at 0x") for text in texts)
    assert "in DRAM: it is an input of the network" in texts
    assert "in DRAM: it is an output of the network" in texts
    epilogues = {found.epilogue for found in every.values()}
    assert any(text.startswith("none: ") for text in epilogues)


def test_in_turns_nothing_is_kept() -> None:
    levels = shipped_on("tiny", Schedule.LAYER_SERIAL)
    found = explain(levels.nn, levels.context, Schedule.LAYER_SERIAL, "stem/conv", 2)
    assert found.result == "in DRAM: layers take turns"
    assert len(found.tilings) == 2


def test_a_part_of_a_name_is_enough_if_it_is_the_only_one() -> None:
    assert explained("stem/c").layer == "stem/conv"
    with pytest.raises(TilefoldError, match="'conv' is part of several layers: stem/conv, "):
        explained("conv")
    with pytest.raises(TilefoldError, match="no layer is called 'stem/cnov'; there are stem/conv,"):
        explained("stem/cnov")


@pytest.mark.parametrize("layer", ["stem/conv", "block1/pool"])
def test_both_forms_say_the_same(layer: str) -> None:
    found = explained(layer)
    program = shipped_on("dna_a600").program
    assert program.prediction is not None
    predicted = program.prediction.layers[program.layers.index(layer)]
    held = json.loads(json.dumps(record(found, predicted)))
    assert held["prediction"]["cycles"] == predicted.cycles
    assert len(held["folds"]) == len(found.folds)
    assert len(held["tilings"]) == len(found.tilings) + len(found.unfit)
    assert len(list(tables(found, predicted))) >= 4
