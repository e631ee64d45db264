"""Workloads on ZigZag's architectures: the layers of models, and what their mappings cost."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tilefold.costmodel.hierarchy.layer import Window
from tilefold.errors import TilefoldError
from tilefold.explore.mapping.search import best_mapping
from tilefold.explore.zigzag.mapping import LINKS
from tilefold.explore.zigzag.networks import MappedNetwork, mapped, tables_of, to_json
from tilefold.explore.zigzag.onnx_workload import read_model
from tilefold.machines.model import parse_machine
from tilefold.tests.explore.zigzag_fixture import facts, told
from tilefold.tests.support.mixed_networks import conv, net, quantised

CASE: dict[str, Any] = facts()["cases"][0]
LAYERS: list[dict[str, Any]] = [each["layer"] for each in CASE["layers"]]


def written(folder: Path, change: Callable[[dict[str, Any]], None] | None = None) -> list[Path]:
    """ZigZag's tpu_like, its mapping, and four layers of ResNet-18, one of them twice."""
    twin = {**LAYERS[1], "name": "twin"}
    files = json.loads(json.dumps({**CASE, "workload": [*LAYERS, twin]}))
    if change is not None:
        change(files)
    paths = [folder / f"{part}.yaml" for part in ("hardware", "mapping", "workload")]
    for path in paths:
        path.write_text(json.dumps(files[path.stem]), "utf-8")
    return paths


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> MappedNetwork:
    hardware, mapping, workload = written(tmp_path_factory.mktemp("files"))
    return mapped(hardware, mapping, workload)


def test_each_layer_has_its_best_mapping(network: MappedNetwork) -> None:
    """As it is found alone; never worse than what ZigZag told of some mappings."""
    assert [each.layer.name for each in network.layers] == [
        *(layer["name"] for layer in LAYERS), "twin",
    ]  # fmt: skip
    for each, layer, case in zip(network.layers, CASE["layers"], told(), strict=False):
        assert each.unrolling == case.unrolling
        energy = each.found.costs.energy_pj[0]
        alone = best_mapping(each.unrolling, "energy")
        assert energy == alone.costs.energy_pj[0]
        assert energy <= min(mapping["energy"] for mapping in layer["mappings"])
    twin, original = network.layers[-1], network.layers[1]
    assert twin.found.costs.energy_pj[0] == original.found.costs.energy_pj[0]


def test_tables_sum_to_the_totals(network: MappedNetwork) -> None:
    tables, record = tables_of(network), to_json(network)
    assert json.loads(json.dumps(record)) == record
    assert {name: record[name] for name in tables} == tables
    rows, total = tables["layers"], record["total"]
    assert total["energy_pj"] == pytest.approx(sum(row["energy_pj"] for row in rows))
    assert total["cycles"] == sum(row["cycles"] for row in rows)
    memories = sum(row["energy_pj"] for row in tables["memories"])
    assert total["energy_pj"] == pytest.approx(memories + total["mac_pj"])
    assert total["macs"] == sum(row["macs"] for row in rows)
    for row in rows:
        spent = [r["energy_pj"] for r in tables["accesses"] if r["layer"] == row["layer"]]
        assert row["energy_pj"] == pytest.approx(sum(spent) + row["mac_pj"])
        parts = row["steps"] + row["stalls"] + row["loading"] + row["storing"] + row["drain"]
        assert row["cycles"] == int(np.ceil(parts))
        assert row["utilisation"] == row["ideal_cycles"] / row["cycles"]
    for column in ("reads", "writes", "energy_pj"):
        every = sum(row[column] for row in tables["accesses"])
        assert sum(row[column] for row in tables["memories"]) == pytest.approx(every)


def test_loops_make_up_the_layers(network: MappedNetwork) -> None:
    """Temporal loops times what the array unrolls; memories hold them from the array outwards."""
    levels = [memory.name for memory in network.architecture.memories]
    for each in network.layers:
        rows = [row for row in tables_of(network)["loops"] if row["layer"] == each.layer.name]
        for dim, steps in each.unrolling.temporal.items():
            sizes = [row["iterations"] for row in rows if row["loop"] == dim]
            assert int(np.prod(sizes, dtype=np.int64)) == steps
        for operand in ("I", "W", "O"):
            places = [levels.index(row[operand]) for row in rows]
            assert places == sorted(places, reverse=True)
        for before, after in pairwise(rows):
            assert {**before, "iterations": 0} != {**after, "iterations": 0}


def test_the_objective_decides(tmp_path: Path, network: MappedNetwork) -> None:
    fast = mapped(*written(tmp_path), objective="latency")
    assert fast.cycles <= network.cycles and fast.energy_pj >= network.energy_pj
    assert fast.cycles < network.cycles
    rough = mapped(*written(tmp_path), objective="latency", limit=3, refine=False)
    assert rough.cycles > fast.cycles
    assert all(
        a.found.evaluated < b.found.evaluated
        for a, b in zip(rough.layers, fast.layers, strict=True)
    )


def test_an_order_that_is_given_is_kept(tmp_path: Path, network: MappedNetwork) -> None:
    """From the innermost: the loops of the first mapping that ZigZag told of."""
    order = CASE["layers"][0]["mappings"][0]["loops"]
    name = LAYERS[0]["name"]

    def change(files: dict[str, Any]) -> None:
        own = {**files["mapping"][0], "name": name, "temporal_ordering": order}
        files["mapping"].append(own)

    found = mapped(*written(tmp_path, change))
    first, *others = found.layers
    assert first.entry.name == name and first.found.evaluated == 1
    sizes = first.found.mapping.sizes[0].tolist()
    assert sizes == [size for _, size in order]
    assert first.found.costs.energy_pj[0] > network.layers[0].found.costs.energy_pj[0]
    for each, other in zip(others, network.layers[1:], strict=True):
        assert each.found.costs.energy_pj[0] == other.found.costs.energy_pj[0]


def test_the_machine_unrolls_what_the_largest_layer_does(network: MappedNetwork) -> None:
    made = network.machine()
    machine = parse_machine(made.text, "made")
    assert machine.name == "tpu_like"
    assert dict(machine.arrays[0].axes) == {"y": 32, "x": 32}
    assert any("energies" in each for each in made.lost)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f["hardware"].pop("name"), "hardware.yaml: name is missing"),
        (lambda f: f["hardware"].update(speed=3), "hardware.yaml: speed"),
        (lambda f: f["mapping"][0].update(name="x"), "mapping.yaml: no entry is called default"),
        (lambda f: f["workload"][1].pop("equation"), "workload.yaml: entry 2.equation is missing"),
        (lambda f: f["workload"][1].update(name="twin"), "two layers are called twin"),
        (
            lambda f: f["mapping"][0]["spatial_mapping"].pop("D2"),
            "mapping 'default': spatial_mapping lacks D2",
        ),
        (
            lambda f: f["mapping"][0].update(temporal_ordering=[["OX", 3]]),
            "layer '/conv1/Conv' has ",
        ),
    ],
)
def test_what_is_wrong_with_a_file(
    tmp_path: Path, change: Callable[[Any], None], message: str
) -> None:
    with pytest.raises(TilefoldError) as error:
        mapped(*written(tmp_path, change))
    assert message in str(error.value) and str(error.value).count("\n") <= 1
    assert ".yaml" in str(error.value)


def saved(folder: Path, model: onnx.ModelProto) -> Path:
    path = folder / "net.onnx"
    onnx.save(model, path)
    return path


def plain(folder: Path, *nodes: onnx.NodeProto, **shapes: tuple[int, ...]) -> Path:
    """A float model: y is its output, w has weights, and all others are inputs."""
    weights = [
        numpy_helper.from_array(np.zeros(shape, np.float32), name)
        for name, shape in shapes.items()
        if name == "w"
    ]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
        if name not in ("w", "y")
    ]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, shapes["y"])
    graph = helper.make_graph(list(nodes), "net", inputs, [output], weights)
    opsets = [helper.make_opsetid("", 17)]
    return saved(folder, helper.make_model(graph, opset_imports=opsets, ir_version=8))


def test_a_convolution_of_a_model(tmp_path: Path) -> None:
    """Rows and columns differ in all there is."""
    node = helper.make_node(
        "Conv", ["x", "w"], ["y"], "conv", strides=[2, 1], pads=[1, 0, 1, 0], group=2
    )
    (layer,) = read_model(plain(tmp_path, node, x=(1, 4, 8, 9), w=(6, 2, 3, 5), y=(1, 6, 4, 5)))
    assert (layer.name, layer.operator) == ("conv", "Conv")
    assert layer.dims == {
        "B": 1, "K": 3, "G": 2, "OX": 5, "OY": 4, "C": 2, "FX": 5, "FY": 3,
    }  # fmt: skip
    operands = dict(layer.operands)
    assert operands["I"][3:] == (Window("OY", 2, "FY", 1, 8), Window("OX", 1, "FX", 1, 9))
    assert layer.bits == {"W": 8, "I": 8, "O": 16, "O_final": 8}
    assert layer.layer(LINKS).macs == 4 * 5 * 6 * 2 * 15


def test_products_of_a_model(tmp_path: Path) -> None:
    gemm = helper.make_node("Gemm", ["x", "w"], ["y"], "fc", transB=1)
    (layer,) = read_model(plain(tmp_path, gemm, x=(1, 8), w=(10, 8), y=(1, 10)))
    assert (layer.operator, layer.dims) == ("Gemm", {"C": 8, "D": 1, "K": 10})
    assert dict(layer.operands) == {"O": ("D", "K"), "I": ("D", "C"), "W": ("C", "K")}
    heads = helper.make_node("MatMul", ["x", "z"], ["y"], "scores")
    (layer,) = read_model(plain(tmp_path, heads, x=(1, 2, 5, 8), z=(1, 2, 8, 5), y=(1, 2, 5, 5)))
    assert layer.dims == {"C": 8, "D": 5, "K": 5, "B": 1, "H": 2}
    assert dict(layer.operands)["W"] == ("B", "H", "C", "K")
    fixed = helper.make_node("MatMul", ["x", "w"], ["y"], "projection")
    (layer,) = read_model(plain(tmp_path, fixed, x=(1, 5, 8), w=(8, 3), y=(1, 5, 3)))
    assert layer.dims == {"C": 8, "D": 5, "K": 3, "B": 1}
    assert dict(layer.operands)["W"] == ("C", "K")


def test_a_quantised_model_has_the_layers_of_the_float_one(tmp_path: Path) -> None:
    """Weights that DequantizeLinear makes of constants are constants."""
    builder = net()
    x = quantised(builder, builder.input((1, 4, 6, 6)))
    builder.output(quantised(builder, conv(builder, x, (4, 8), "only")))
    (layer,) = read_model(saved(tmp_path, builder.model()))
    node = helper.make_node("Conv", ["x", "w"], ["y"], "only", pads=[1, 1, 1, 1])
    (other,) = read_model(plain(tmp_path, node, x=(1, 4, 6, 6), w=(8, 4, 3, 3), y=(1, 8, 6, 6)))
    assert layer == other


def test_weights_that_are_not_there(tmp_path: Path) -> None:
    """As in the models that ZigZag ships; shapes are all that layers need."""
    node = helper.make_node("Conv", ["x", "w"], ["y"], "conv")
    path = plain(tmp_path, node, x=(1, 4, 8, 8), w=(64, 4, 3, 3), y=(1, 64, 6, 6))
    (expected,) = read_model(path)
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location="gone", size_threshold=0)
    (tmp_path / "gone").unlink()
    assert read_model(path) == (expected,)


@pytest.mark.parametrize(
    ("node", "shapes", "message"),
    [
        (
            ("Relu", ["x"]),
            {"x": (1, 4), "y": (1, 4)},
            "net.onnx: has no convolution and no matrix product",
        ),
        (
            ("Conv", ["x", "w"]),
            {"x": (1, 4, 8), "w": (2, 4, 3), "y": (1, 2, 6)},
            "(Conv): only convolutions of",
        ),
        (
            ("MatMul", ["x", "w"]),
            {"x": (8,), "w": (8, 3), "y": (3,)},
            "(MatMul): a product of two to four",
        ),
    ],
)
def test_models_without_layers(
    tmp_path: Path, node: tuple[str, list[str]], shapes: dict[str, tuple[int, ...]], message: str
) -> None:
    with pytest.raises(TilefoldError) as error:
        read_model(plain(tmp_path, helper.make_node(*node, ["y"], "only"), **shapes))
    assert message in str(error.value) and "net.onnx" in str(error.value)
