"""ZigZag's files are read as they are meant, or refused with file and key."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tilefold.costmodel.hierarchy.architecture import Way
from tilefold.costmodel.hierarchy.layer import Window
from tilefold.errors import TilefoldError
from tilefold.explore.zigzag.files import LIMIT, load
from tilefold.explore.zigzag.hardware import read_architecture
from tilefold.explore.zigzag.mapping import entry_for, read_mapping, unroll
from tilefold.explore.zigzag.workload import Convolution, convolution_of, read_workload
from tilefold.tests.explore.zigzag_fixture import facts

HARDWARE: dict[str, Any] = facts()["cases"][0]["hardware"]
MAPPING: list[dict[str, Any]] = facts()["cases"][0]["mapping"]
CONV: dict[str, Any] = {
    "id": 0,
    "name": "conv",
    "operator_type": "Conv",
    "equation": "O[b][g][k][oy][ox]+=W[g][k][c][fy][fx]*I[b][g][c][iy][ix]",
    "dimension_relations": ["ix=2*ox+1*fx", "iy=2*oy+fy"],
    "loop_dims": ["B", "K", "G", "OX", "OY", "C", "FX", "FY"],
    "loop_sizes": [1, 8, 1, 4, 4, 3, 3, 3],
    "operand_precision": {"W": 8, "I": 8, "O_final": 8, "O": 16},
    "pr_loop_dims": ["IX", "IY"],
    "padding": [[1, 0], [0, 0]],
}


def named(value: object) -> str:
    """A case by its message: other values have no name that stays."""
    return value[:50] if isinstance(value, str) else ""


def written(folder: Path, value: object, change: Callable[[Any], object] | None = None) -> Path:
    """A file of a changed copy of `value`."""
    copy = json.loads(json.dumps(value))
    if change:
        change(copy)
    path = folder / "file.yaml"
    path.write_text(json.dumps(copy), "utf-8")
    return path


def test_hardware(tmp_path: Path) -> None:
    """ZigZag's tpu_like, key by key."""
    machine = read_architecture(written(tmp_path, HARDWARE))
    assert (machine.name, dict(machine.axes), machine.mac_pj) == (
        "tpu_like",
        {"D1": 32, "D2": 32},
        0.04,
    )
    assert machine.systolic == {"D1", "D2"}
    assert [memory.name for memory in machine.memories] == ["rf_128B", "rf_2B", "sram_2MB", "dram"]
    assert [memory.bits for memory in machine.memories][:3] == [1024, 16, 16777216]
    sram = machine.memories[2]
    assert (sram.operands, sram.serves) == (("I1", "O"), {"D1", "D2"})
    port = sram.port("O", Way.READ_FOR_ABOVE)
    assert port is not None and (port.min_bits, port.max_bits) == (64, 2048)
    assert [machine.levels(operand) for operand in ("I1", "I2", "O")] == [(2, 3), (0, 3), (1, 2, 3)]


def test_mapping(tmp_path: Path) -> None:
    """An entry by name comes before one by operator, and that before the default."""
    entries = read_mapping(written(tmp_path, MAPPING))
    assert [entry.name for entry in entries][:3] == ["default", "Add", "Pooling"]
    assert entry_for(entries, "some", "Conv").axes == {"D1": {"K": 32}, "D2": {"C": 32}}
    assert entry_for(entries, "some", "Add").axes["D1"] == {"G": 32}
    named = entry_for(entries, "example_name_of_layer0", "Conv")
    assert named.ordering[:2] == (("OX", 112), ("OY", 112))
    assert named.links == {"O": "O", "W": "I2", "I": "I1"}


def test_workload(tmp_path: Path) -> None:
    """Nine rows of input by stride 2 and a window of 3; a column less where one is padding."""
    (layer,) = read_workload(written(tmp_path, [CONV]))
    assert (layer.name, layer.operator, layer.dims["OY"]) == ("conv", "Conv", 4)
    assert layer.operands[2] == (
        "I",
        ("B", "G", "C", Window("OY", 2, "FY", 1, 9), Window("OX", 2, "FX", 1, 8)),
    )
    read = layer.layer({"O": "O", "W": "I2", "I": "I1"})
    assert [read.elements(operand) for operand in read.operands] == [128, 216, 216]


def test_workload_as_convolutions(tmp_path: Path) -> None:
    """The convolution above, and a matrix product; a loop that neither has is refused."""
    product = {
        **CONV,
        "equation": "O[b][k]+=W[k][c]*I[b][c]",
        "dimension_relations": [],
        "loop_dims": ["B", "K", "C"],
        "loop_sizes": [2, 10, 64],
        "pr_loop_dims": [],
        "padding": [],
    }
    layers = read_workload(written(tmp_path, [CONV, product]))
    assert [convolution_of(layer) for layer in layers] == [
        Convolution(1, 1, 3, 8, (9, 8), (4, 4), (3, 3), (2, 2), (1, 1), (0, 1)),
        Convolution(2, 1, 64, 10, (1, 1), (1, 1), (1, 1), (1, 1), (1, 1), (0, 0)),
    ]
    other = json.loads(json.dumps(product).replace('"B"', '"H"').replace("[b]", "[h]"))
    (attention,) = read_workload(written(tmp_path, [other]))
    with pytest.raises(TilefoldError, match="is no convolution: it has a loop H"):
        convolution_of(attention)


def test_unrolled_loops_are_cut_to_layer_and_array(tmp_path: Path) -> None:
    machine = read_architecture(written(tmp_path, HARDWARE))
    entry = read_mapping(written(tmp_path, MAPPING))[0]
    (layer,) = read_workload(written(tmp_path, [CONV]))
    assert dict(unroll(layer.layer(entry.links), machine, entry).axes) == {
        "D1": {"K": 8},
        "D2": {"C": 3},
    }


def changed(*path: str | int, to: object) -> Callable[[Any], None]:
    """Sets a value; `...` takes the key away."""

    def change(value: Any) -> None:
        for key in path[:-1]:
            value = value[key]
        if to is ...:
            del value[path[-1]]
        else:
            value[path[-1]] = to

    return change


DRAM = ("memories", "dram")
WRONG_HARDWARE = (
    (changed("speed", to=1), "speed is no known key"),
    (changed("name", to=...), "name is missing"),
    (changed(*DRAM, "size", to="big"), "memories.dram.size is not a whole number: 'big'"),
    (changed(*DRAM, "size", to=0), "memories.dram.size is below 1"),
    (changed(*DRAM, "r_cost", to=-1), "memories.dram.r_cost is not a number from zero"),
    (changed(*DRAM, "colour", to=1), "memories.dram.colour is no known key"),
    (changed(*DRAM, "operands", to=["I1", "W"]), "memories.dram.operands has 'W'"),
    (changed(*DRAM, "operands", to=["I1", "I1"]), "memories.dram.operands has 'I1'"),
    (changed(*DRAM, "served_dimensions", to=["D3"]), "has D3, no dimension of operational_array"),
    (changed(*DRAM, "auto_cost_extraction", to=True), "needs CACTI: give r_cost and w_cost"),
    (changed(*DRAM, "ports", 0, "type", to="both"), r"ports\[0\].type is none of read, write"),
    (changed(*DRAM, "ports", 0, "type", to="read"), "has 'I1, fh' at a port for read"),
    (changed(*DRAM, "ports", 0, "bandwidth_min", to=65), "bandwidth_min is above bandwidth_max"),
    (changed(*DRAM, "ports", 0, "allocation", to=["I1, up"]), "has 'I1, up', not an operand"),
    (changed(*DRAM, "ports", 0, "allocation", to=["I1, tl"] * 2), "allocates I1 twice"),
    (changed(*DRAM, "ports", to=[]), "memory 'dram' has no port for"),
    (changed("memories", "rf_128B", "operands", to=[3]), "memories.rf_128B.operands holds no text"),
    (changed("operational_array", "is_imc", to=True), "computes in memory, which is not modelled"),
    (changed("operational_array", "sizes", to=[32]), "dimensions has 2 names for 1 sizes"),
    (changed("operational_array", "sizes", to=[32, 0]), "sizes holds no whole number above zero"),
    (changed("operational_array", "systolic_dimensions", to=["D9"]), "has D9, no dimension"),
    (changed("operational_array", "adc", to=1), "operational_array.adc is no known key"),
)


@pytest.mark.parametrize(("change", "message"), WRONG_HARDWARE, ids=named)
def test_wrong_hardware_is_refused(
    tmp_path: Path, change: Callable[[Any], None], message: str
) -> None:
    path = written(tmp_path, HARDWARE, change)
    with pytest.raises(TilefoldError, match=message) as raised:
        read_architecture(path)
    assert len(str(raised.value).splitlines()) <= 2


WRONG_MAPPINGS = (
    (changed(0, "name", to="other"), "no entry is called default"),
    (changed(1, "name", to="default"), "two entries are called default"),
    (changed(0, "order", to=[]), "entry 1.order is no known key"),
    (changed(0, "spatial_mapping", "D1", to=["K: 32"]), "has 'K: 32', not a loop"),
    (changed(0, "spatial_mapping", "D1", to=["K, 0"]), "has 'K, 0', not a loop"),
    (changed(0, "memory_operand_links", "W", to="I1"), "do not link O, I, W to I1, I2, O"),
    (changed(3, "temporal_ordering", to=[["OX", "*"]]), r"temporal_ordering has \['OX', '\*'\]"),
    (changed(0, "spatial_mapping_hint", to={"D3": ["K"]}), "D3 is only hinted at"),
)


@pytest.mark.parametrize(("change", "message"), WRONG_MAPPINGS, ids=named)
def test_wrong_mappings_are_refused(
    tmp_path: Path, change: Callable[[Any], None], message: str
) -> None:
    with pytest.raises(TilefoldError, match=message):
        read_mapping(written(tmp_path, MAPPING, change))


WRONG_AXES = (
    (changed(0, "spatial_mapping", "D3", to=["K, 2"]), "tpu_like has no dimension D3"),
    (changed(0, "spatial_mapping", "D2", to=...), "spatial_mapping lacks D2"),
)


@pytest.mark.parametrize(("change", "message"), WRONG_AXES, ids=named)
def test_wrong_axes_are_refused(
    tmp_path: Path, change: Callable[[Any], None], message: str
) -> None:
    machine = read_architecture(written(tmp_path, HARDWARE))
    (layer,) = read_workload(written(tmp_path, [CONV]))
    entry = read_mapping(written(tmp_path, MAPPING, change))[0]
    with pytest.raises(TilefoldError, match=message):
        unroll(layer.layer(entry.links), machine, entry)


WRONG_LAYERS = (
    (changed(0, "equation", to="O[k]=W[k]"), r"equation is not O\[..\]\+=I"),
    (changed(0, "equation", to="O[k]+=W[k][z]*I[z]"), "indexes W by Z, which has no size"),
    (changed(0, "equation", to="O[k]+=A[k][c]*B[c]"), "is not of O, I and W"),
    (changed(0, "loop_sizes", to=[1, 2]), "loop_dims has 8 names for 2 loop_sizes"),
    (changed(0, "loop_sizes", 1, to=0), "loop_sizes holds no whole number above zero"),
    (changed(0, "dimension_relations", 0, to="ix=ox"), "has 'ix=ox', not like"),
    (changed(0, "dimension_relations", 0, to="ix=2*qx+fx"), "needs a size of QX"),
    (changed(0, "padding", to=[[1, 1]]), "padding has 1 entries for 2 pr_loop_dims"),
    (changed(0, "padding", 0, to=[9, 9]), "leaves no IX within the padding"),
    (changed(0, "operand_precision", "W", to=...), "operand_precision.W has to be given"),
    (changed(0, "stride", to=2), "entry 1.stride is no known key"),
)


@pytest.mark.parametrize(("change", "message"), WRONG_LAYERS, ids=named)
def test_wrong_layers_are_refused(
    tmp_path: Path, change: Callable[[Any], None], message: str
) -> None:
    with pytest.raises(TilefoldError, match=message):
        read_workload(written(tmp_path, [CONV], change))


HOSTILE = (
    (b"a: &x [1]\nb: *x\n", "file.yaml:2: aliases are not read"),
    (b"a: !!python/object/apply:os.getcwd []\n", "could not determine a constructor"),
    (b"a: [1\n", "file.yaml:2: "),
    (b"[" * 100_000, "no YAML of plain data"),
    (b"a: \xff\n", "no YAML of plain data"),
    (b"#" * (LIMIT + 1), "larger than"),
)


@pytest.mark.parametrize(("data", "message"), HOSTILE, ids=named)
def test_hostile_files_are_refused(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "file.yaml"
    path.write_bytes(data)
    with pytest.raises(TilefoldError, match=message):
        load(path)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(TilefoldError, match=r"cannot read .*none\.yaml: No such file"):
        load(tmp_path / "none.yaml")
