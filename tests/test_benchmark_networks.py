"""The variants of `benchmarks/networks.py`: what they compile to computes the same, and differs."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tilefold.backend.prediction import LayerPrediction
from tilefold.compiler import context_for
from tilefold.dialects.store import Store
from tilefold.emulator import emulate
from tilefold.emulator.prediction import Compared, Comparison
from tilefold.examples import fashion
from tilefold.frontend import import_model
from tilefold.interpreters.nn import run
from tilefold.machines import load_machine
from tilefold.passes.attach_machine import attach_machine
from tilefold.passes.pipelines import nn_passes, run_passes, schedule_passes
from tilefold.tests.support.benchmarks import script

ROOT = Path(__file__).resolve().parents[1]
CSV = ROOT.parent / "shared" / "data" / "mera_cycles.csv"


@pytest.fixture(scope="module")
def networks() -> Any:
    return script("networks")


def test_mera_is_quoted_as_the_file_has_it(networks: Any) -> None:
    if not CSV.exists():
        pytest.skip(f"{CSV} is not there")
    mera = script("mera")
    fewest: dict[tuple[str, str], int] = {}
    with CSV.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            key = row["network_or_layer"], mera.MACHINES[row["machine"]]
            if key[0] in networks.NETWORKS:
                fewest[key] = min(fewest.get(key, 1 << 40), int(row["cycles"]))
    assert fewest == networks.MERA


def test_every_machine_is_one_and_another_one(networks: Any) -> None:
    edits = [*networks.WITHOUT.values(), *networks.FIXED.values(), networks.PORTS]
    machines = [networks.machine_of(networks.Task("resnet50", edit=edit)) for edit in edits]
    assert len({machine.digest for machine in machines} | {load_machine("dna_a600").digest}) == (
        len(edits) + 1
    )
    for edit in networks.FIXED.values():
        machine = networks.machine_of(networks.Task("resnet50", edit=edit))
        assert [fold.units for fold in machine.folds("conv")] == [6]
    for name, edit in networks.MACHINES.values():
        networks.machine_of(networks.Task("resnet50", name, edit))


def test_variants_compute_the_same(networks: Any) -> None:
    """On `tiny`; the last step is the whole, and leaving it out is the step before."""
    image = fashion.images()[0][:1]
    cycles: dict[str, int] = {}
    for name, pipeline in networks.PIPELINES.items():
        store = Store()
        context = context_for(store)
        module = import_model(fashion.int8_model(), store)
        expected = run(module, {"image": image}, store)["logits"]
        machine = load_machine("tiny")
        attach_machine(module, machine)
        run_passes(nn_passes(), context, module)
        passes = pipeline(schedule_passes())
        run_passes([*passes, networks.LowerToIsaPass()], context, module)
        program = networks.build_program(module, machine, store)
        result = emulate(program, {"image": image})
        assert np.array_equal(result.outputs["logits"], expected), name
        cycles[name] = result.report.total.cycles
    assert cycles["step configurations prefetched"] == cycles["all"]
    assert cycles["step weights ahead, in deep rings"] == cycles["configurations prefetched"]
    assert cycles["all"] < cycles["step layer-serial"]


def test_tables_of_predictions_have_a_place_in_the_page() -> None:
    prediction = script("prediction")
    layers = [
        Compared("a", LayerPrediction((90, 0, 0, 0, 0)), 100),
        Compared("b", LayerPrediction((0, 3, 0, 0, 30)), 33),
    ]
    comparison = Comparison(tuple(layers), 123, 133)
    found = {run: prediction.Outcome(comparison) for run in prediction.runs(prediction.NETWORKS)}
    found["random 0", ""] = prediction.Outcome(comparison, random=True)
    tables = prediction.tables(found)
    page = prediction.with_tables(prediction.PAGE, tables, prediction.LEFT)
    for name, cells in tables.items():
        assert len({len(line) for line in cells}) == 1
        assert script("pages").markdown(cells, prediction.LEFT[name]) in page
    assert (
        "| resnet50 | dna_a600 | 133 | 123 | -7.52% | 2 | 5.00% | 9.50% | 10.00% | 7.52% |" in page
    )
    assert "| random | memory | 1 | 0.00% |" in page
    assert prediction.machine_of(prediction.SLOW).folds_for("conv").switch_cycles == 800
    assert json.dumps(prediction.record(found))


def test_tables_have_a_place_in_the_page(networks: Any) -> None:
    found = {
        task: networks.Outcome(2_000 + n, 1_000, 1_600, 900, 0.5, 1.5, 10**8, 10**6)
        for n, task in enumerate(dict.fromkeys(networks.all_tasks()))
    }
    tables = networks.tables(found)
    page = networks.with_tables(networks.PAGE, tables)
    for cells in tables.values():
        assert len({len(line) for line in cells}) == 1
        assert script("pages").markdown(cells) in page
    assert "| resnet50 | dna_a600 | 2,000 | 1,000 | 2.000 | 1.20 | 1.600 | 1.250 |" in page
