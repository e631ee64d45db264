"""Networks on given machines: numbers worked out by hand, sums, and machines that differ."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import onnx
import pytest
from tilefold.backend.prediction import Prediction
from tilefold.compiler import compile_levels
from tilefold.dialects.fabric_array import ArrayOp
from tilefold.dialects.isa_prediction import KINDS
from tilefold.emulator import Report, emulate
from tilefold.errors import TilefoldError
from tilefold.examples import fashion
from tilefold.explore.bench.benchmark import CODE, LIMITS, Benchmark, Wanted, benchmark
from tilefold.explore.bench.tables import tables_of
from tilefold.explore.bench.variations import edited, variations
from tilefold.machines import load_machine, names
from tilefold.machines.model import Fold, Machine, parse_machine
from tilefold.tests.support.compiled_networks import shipped_on
from tilefold.tests.support.mixed_networks import conv, net, quantised, zigzag

MACHINES = ("tiny", "dna_a600", "tpu_like_16")
FEW = Wanted(layers=2, folds=2, others=False)


def residual() -> onnx.ModelProto:
    """conv(x) + x, and a convolution to half the channels."""
    builder = net()
    x = quantised(builder, builder.input((1, 8, 8, 8)))
    first = quantised(builder, conv(builder, x, (8, 8), "first"))
    total = quantised(builder, builder.op("Add", first, x, name="add"))
    builder.output(quantised(builder, conv(builder, total, (8, 4), "second")))
    return builder.model()


def benched(folder: Path, model: onnx.ModelProto, machine: Machine, wanted: Wanted) -> Benchmark:
    path = folder / "net.onnx"
    onnx.save(model, path)
    return benchmark(path, machine, wanted, lambda _: None)


@cache
def shipped(machine: str) -> Benchmark:
    return benchmark(fashion.int8_model(), load_machine(machine), FEW, lambda _: None)


def report_of(machine: str) -> Report:
    return emulate(shipped_on(machine).program, {}, values=False, check=False).report


def test_a_network_by_hand(tmp_path: Path) -> None:
    """64 pixels, windows of 9, weights of a byte, biases of four."""
    found = benched(tmp_path, residual(), load_machine("dna_a600"), FEW)
    rows = {row.name: row for row in found.layers}
    first, second = rows["first"], rows["second"]
    assert first.sizes.operations == ("conv", "add") and second.sizes.operations == ("conv",)
    assert (first.macs, second.macs) == (64 * 8 * 8 * 9, 64 * 8 * 4 * 9)
    assert (first.sizes.weights, second.sizes.weights) == (576 + 32, 288 + 16)
    assert (first.sizes.inputs, second.sizes.inputs) == (512, 512)
    assert (first.sizes.outputs, second.sizes.outputs) == (512, 256)
    assert first.tensor_intensity == 2 * 36_864 / (608 + 512 + 512)
    assert first.peak == 6 * 64 * 64
    assert first.balance == 2 * 24_576 / 85
    assert first.rate == 85
    # What lies between the layers stays on the chip, so it is no traffic.
    assert second.moved < second.tensors
    assert second.intensity == 2 * 18_432 / second.moved
    assert second.attainable == min(2.0 * 24_576, second.intensity * 85)
    assert second.utilisation == 18_432 / (second.working * 24_576)
    assert (found.total.macs, found.total.sizes.weights) == (36_864 + 18_432, 608 + 304)


def test_a_layer_with_a_fast_dram_can_reach_the_peak() -> None:
    """By hand: a ridge of 8 operations a byte on tiny, which does 64 operations a cycle."""
    rows = {row.name: row for row in shipped("tiny").layers}
    above, below = rows["block1/pointwise"], rows["block3/depthwise"]
    assert above.balance == below.balance == 64 / 8
    assert above.intensity is not None and above.intensity > 8 and above.attainable == 64
    assert below.moved == 13_280 and below.macs == 14_112
    assert below.intensity == 28_224 / 13_280
    assert below.attainable == 28_224 / 13_280 * 8
    assert below.limit == "memory" and above.limit == "compute"
    pool = rows["block1/pool"]
    assert pool.limit == "vector" and pool.peak == 0
    numbers = (pool.intensity, pool.attainable, pool.attained, pool.utilisation, pool.balance)
    assert numbers == (None,) * 5


@pytest.mark.parametrize("name", MACHINES)
def test_sums_are_totals(name: str) -> None:
    found, report = shipped(name), report_of(name)
    total, layers = found.total, found.layers
    program = shipped_on(name).program
    assert isinstance(program.prediction, Prediction)
    assert total.cycles == program.prediction.cycles == sum(row.cycles for row in layers)
    assert total.emulated == report.total.cycles
    assert total.moved == sum(report.total.bytes["dram"].values())
    for limit in LIMITS:
        assert total.parts[limit] == sum(row.parts[limit] for row in layers)
    assert total.macs == report.total.macs == 3_292_512
    groups = found.limited()
    assert sum(len(rows) for rows in groups.values()) == len([r for r in layers if r.cycles])
    assert sum(row.cycles for rows in groups.values() for row in rows) == total.cycles
    shares = tables_of([found])["limits"]
    assert sum(row["cycles"] for row in shares) == total.cycles
    assert abs(sum(row["share"] for row in shares) - 1) < 1e-5


@pytest.mark.parametrize("name", MACHINES)
def test_layers_are_those_of_the_program(name: str) -> None:
    """Each with the weights of the network, which no layer shares, and its own prediction."""
    found, report = shipped(name), report_of(name)
    assert [row.name for row in found.layers] == [row.name for row in report.layers]
    weights = [t for t in onnx.load(fashion.int8_model()).graph.initializer if len(t.dims)]
    counted = sum(
        {onnx.TensorProto.INT8: 1, onnx.TensorProto.INT32: 4}.get(t.data_type, 0)
        * onnx.numpy_helper.to_array(t).size
        for t in weights
        if onnx.numpy_helper.to_array(t).any()
    )
    assert counted == found.total.sizes.weights
    assert report.prediction is not None
    predicted = report.prediction.by_name()
    for row in found.layers:
        if row.name in predicted:
            assert [row.parts[kind] for kind in KINDS] == list(predicted[row.name].predicted.parts)
            assert row.parts[CODE] == 0
        else:
            assert row.limit == CODE


@pytest.mark.parametrize("name", MACHINES)
def test_no_network_is_faster_than_its_roofline(name: str) -> None:
    """Layers can be: what they load may have come while others worked."""
    total = shipped(name).total
    assert 0 < total.bound <= total.emulated
    assert total.bound <= total.cycles
    assert total.bound <= shipped(name).serial <= total.emulated
    for row in shipped(name).layers:
        if row.attained is not None:
            assert row.utilisation is not None and row.utilisation <= 1
            assert row.attained <= 2 * row.peak


def test_alternatives_of_the_longest_layers() -> None:
    found = shipped("tiny")
    longest = sorted((row for row in found.layers if row.macs), key=lambda row: -row.cycles)
    assert [each.layer for each in found.alternatives] == [row.name for row in longest[:2]]
    for each in found.alternatives:
        assert [fold.standing for fold in each.folds].count("chosen") == 1
        assert len(each.folds) >= 2 and each.why
    wide = found.alternatives[0].folds[0]
    assert wide.configuration.fold == Fold(chain=2)
    assert wide.utilisation == 903_168 / (wide.cycles * 32)


def test_parts_on_the_host_are_told(tmp_path: Path) -> None:
    """Two programs, each with its code; the rows say which step they are of."""
    found = benched(tmp_path, zigzag(), load_machine("tiny"), replace(FEW, layers=1))
    assert found.host > 0
    steps = {row.step for row in found.layers if row.macs}
    assert len(steps) == 2
    assert {row.step for row in found.layers if row.name == "(program)"} == steps
    assert found.total.cycles == sum(row.cycles for row in found.layers)


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    folder = tmp_path_factory.mktemp("others")
    return benched(folder, residual(), load_machine("tiny"), Wanted(layers=0))


def changed(old: str, new: str) -> Machine:
    machine = load_machine("tiny")
    assert old in machine.text
    return parse_machine(machine.text.replace(old, new), "changed")


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("dram", "bytes_per_cycle = 8", "bytes_per_cycle = 16"),
        ("ports", "bytes_per_cycle = 4", "bytes_per_cycle = 8"),
        ("latency", "latency_cycles = 4, ", ""),
        ("lanes", "lanes = 4", "lanes = 8"),
        ("accumulators", "lines = 16", "lines = 32"),
        ("y of conv", "y = 4, x = 4", "y = 8, x = 4"),
        ("x of conv", "y = 4, x = 4", "y = 4, x = 8"),
        ("switches", "config_bytes = 16, switch_cycles = 2", "config_bytes = 0, switch_cycles = 0"),
    ],
)
def test_other_machines_are_compiled_for(
    others: Benchmark, tmp_path: Path, name: str, old: str, new: str
) -> None:
    (one,) = (each for each in others.varied if each.variation.name == name)
    machine = changed(old, new)
    assert one.variation.machine is not None
    assert one.variation.machine.parts == machine.parts
    onnx.save(residual(), tmp_path / "net.onnx")
    prediction = compile_levels(tmp_path / "net.onnx", machine).program.prediction
    assert prediction is not None and one.cycles == prediction.cycles
    table = tables_of([others])["machines"]
    (row,) = (row for row in table if row["change"] == name)
    assert row["speedup"] == round(others.total.cycles / prediction.cycles, 6)


def test_more_memory_and_more_units() -> None:
    machines = {each.name: each.machine for each in variations(load_machine("dna_a600"))}
    larger, more = machines["memory"], machines["units of conv"]
    assert larger is not None and more is not None
    assert [m.bytes for m in larger.memories] == [4294967296, 2 * 8388608, 2 * 8388608]
    assert more.array("conv").count == 12
    legal = more.folds_for("conv")
    assert legal.c == legal.p == (1, 2, 3, 4, 6, 12) and legal.k == legal.g == (1,)
    assert max(fold.units for fold in more.folds("conv")) == 12
    assert machines["dram and ports"] is not None
    assert machines["dram and ports"].dram.bytes_per_cycle == 170


@pytest.mark.parametrize("name", names())
def test_every_machine_can_have_more(name: str) -> None:
    """No two variations are alike, and all keep the name."""
    machine = load_machine(name)
    found = list(variations(machine))
    texts = [each.machine.text for each in found if each.machine is not None]
    assert len({each.name for each in found}) == len(found)
    free = machine.dram.latency_cycles == 0
    assert len({*texts, machine.text}) == len(texts) + 1 - free
    assert all(each.machine.name == name for each in found if each.machine is not None)
    folded = any(machine.folds_for(array.name).of for array in machine.arrays)
    assert ("switches" in {each.name for each in found}) == folded


def test_a_machine_at_its_limits_is_told(tmp_path: Path) -> None:
    """255 units are the most, so these cannot be twice as many."""
    many = edited(load_machine("tiny"), {ArrayOp: lambda _: {"count": 200}})
    assert many.array("conv").count == 200
    (one,) = (each for each in variations(many) if each.name == "units of conv")
    assert one.machine is None and "`count` must be an integer from 1 to 255" in one.reason
    found = benched(tmp_path, residual(), many, Wanted(layers=0))
    rows = {row["change"]: row for row in tables_of([found])["machines"]}
    assert rows["units of conv"]["cycles"] is None and rows["units of conv"]["speedup"] is None
    assert rows["units of conv"]["reason"] == one.reason
    assert rows["lanes"]["cycles"] > 0 and rows["lanes"]["reason"] == ""


def test_a_network_without_a_layer_for_the_machine(tmp_path: Path) -> None:
    builder = net()
    builder.output(builder.op("Softmax", builder.input((1, 4, 4, 4)), name="soft"))
    with pytest.raises(TilefoldError) as error:
        benched(tmp_path, builder.model(), load_machine("tiny"), FEW)
    first, second = str(error.value).splitlines()
    assert first == f"{tmp_path / 'net.onnx'}: no layer can run on tiny"
    assert second.startswith("node 'soft' (Softmax): ")
