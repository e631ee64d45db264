"""Machines as data: what is read from the files, and the errors for wrong ones."""

from dataclasses import fields
from math import prod
from pathlib import Path
from random import Random

import numpy as np
import pytest
from tilefold.costmodel.dataflow import unroll
from tilefold.dialects import fabric
from tilefold.dialects.fields import FieldOp
from tilefold.errors import TilefoldError
from tilefold.machines import load_machine, model, names
from tilefold.machines.model import Fold, Machine, check_fold, fold_of, parse_machine
from tilefold.passes.folding.space import configurations
from tilefold.tests.support.random_machines import machine_text, random_machine


def test_the_machines_of_the_package() -> None:
    assert names() == (
        "ascend_like",
        "dna_a600",
        "dna_f100",
        "dna_f200",
        "edge_tpu_like",
        "eyeriss_like",
        "inferx_x1",
        "meta_prototype_like",
        "scalesim_os32",
        "scalesim_ws32",
        "tesla_npu_like",
        "tiny",
        "tpu_like",
        "tpu_like_16",
        "tpu_like_256",
    )


@pytest.mark.parametrize("name", names())
def test_text_round_trips_and_decides_the_digest(name: str) -> None:
    machine = load_machine(name)
    again = parse_machine(machine.text, "again")
    assert again == machine
    assert again.digest == machine.digest
    faster = machine.text.replace("hz = ", "hz = 1", 1)
    assert parse_machine(faster, "faster").digest != machine.digest


@pytest.mark.parametrize("name", names())
def test_every_number_names_its_source(name: str) -> None:
    machine = load_machine(name)
    arrays = machine.arrays
    inside = [part for a in arrays for part in (*a.locals, a.accumulator, *a.modes)]
    assert all(part.src for part in (*machine.parts, *inside))


def test_the_published_numbers_of_dna_a600() -> None:
    machine = load_machine("dna_a600")
    array = machine.array("conv")
    assert array.count * array.multipliers == 24576
    assert machine.hz == 800_000_000
    assert machine.memory("data").bytes == 32 * 4096 * 64
    assert machine.dram.bytes_per_cycle == 85
    assert [(d.name, d.count, d.bytes_per_cycle) for d in machine.dmas] == [
        ("load", 2, 32),
        ("wload", 4, 32),
        ("store", 2, 32),
    ]


FIXED = {
    "ascend_like": {"C": 16, "K": 16, "OX": 2, "OY": 2},
    "edge_tpu_like": {"C": 8, "K": 8, "OX": 4, "OY": 4},
    "meta_prototype_like": {"C": 2, "K": 32, "OX": 4, "OY": 4},
    "tesla_npu_like": {"K": 32, "OX": 8, "OY": 4},
    "tpu_like": {"C": 32, "K": 32},
    "tpu_like_16": {"C": 16, "K": 16},
    "tpu_like_256": {"C": 256, "K": 256},
}
"""Machines of one configuration, and how many of each loop they run at once."""


@pytest.mark.parametrize("name", FIXED)
def test_fixed_machines_run_one_configuration(name: str) -> None:
    """One fold in one mode, whose loops fill the whole grid when there are so many of each."""
    machine = load_machine(name)
    (configuration,) = configurations(machine)
    assert configuration.fold == Fold()
    array = machine.array("conv")
    assert array.multipliers == prod(FIXED[name].values())
    loops = {"G": 1, "K": 1, "C": 1, "OY": 1, "OX": 1, "FY": 3, "FX": 3} | FIXED[name]
    sizes = {dim: np.array(size) for dim, size in loops.items()}
    space = unroll(array, array.modes[0], sizes, 1)
    assert {dim: int(tile) for dim, tile in space.tiles.items() if tile > 1} == FIXED[name]
    assert {axis: int(used) for axis, used in space.used.items()} == dict(array.axes)
    with pytest.raises(TilefoldError, match="does not fit machine"):
        check_fold(machine, fabric.FoldAttr.get("conv", pixels=2))
    with pytest.raises(TilefoldError, match="no mode 1"):
        check_fold(machine, fabric.FoldAttr.get("conv", mode=1))


def test_eyeriss_like_works_on_rows() -> None:
    """Three window rows by four channels down a column, fourteen output rows beside each other."""
    machine = load_machine("eyeriss_like")
    (configuration,) = configurations(machine)
    assert configuration.fold == Fold()
    array = machine.array("conv")
    loops = {"G": 1, "K": 64, "C": 64, "OY": 28, "OX": 28, "FY": 3, "FX": 3}
    space = unroll(array, array.modes[0], {dim: np.array(n) for dim, n in loops.items()}, 1)
    assert {dim: int(tile) for dim, tile in space.tiles.items() if tile > 1} == {
        "FY": 3,
        "C": 4,
        "OY": 14,
    }


def test_the_published_numbers_of_inferx_x1() -> None:
    machine = load_machine("inferx_x1")
    array = machine.array("conv")
    assert (array.count, array.multipliers) == (64, 64)
    assert sum(part.bytes for part in machine.memories if part.kind == "sram") == 13 << 20
    assert machine.folds_for("conv").switch_cycles * 1_000_000 == machine.hz, "a microsecond"
    folds = machine.folds("conv")
    assert max(fold.units for fold in folds) == 64
    assert {"chain": 16, "cols": 4} in [
        {name: n for name, n in vars(fold).items() if n > 1} for fold in folds
    ]
    assert len(configurations(machine)) == 3 * len(folds)


def test_units_are_in_file_order() -> None:
    machine = load_machine("tiny")
    assert machine.units == ("load", "wload", "store", "conv.0", "conv.1", "act")
    kinds = [machine.unit_kind(unit) for unit in machine.units]
    assert kinds == ["dma", "dma", "dma", "array", "array", "vector"]
    assert machine.unit("conv.1") is machine.array("conv")
    with pytest.raises(TilefoldError, match=r"no unit @conv\.2; it has load, wload"):
        machine.unit("conv.2")


def test_routes() -> None:
    machine = load_machine("tiny")
    assert machine.memory_for("W").name == "weights"
    assert machine.dma_for_operand("W", "load").name == "wload"
    assert machine.dma_for_operand("O", "store").name == "store"
    assert machine.drain_for(machine.array("conv")).name == "act"
    shared = load_machine("tpu_like")
    assert shared.memory_for("W") is shared.memory_for("I") is shared.memory_for("O")
    assert shared.dma_for_operand("W", "load") is shared.dma_for_operand("I", "load")
    for error, wrong in (
        ("no DMA from @data to @weights", lambda: machine.dma_for("data", "weights")),
        ("no vector unit from @acc to @dram", lambda: machine.vector_for("acc", "dram")),
        ("no memory @sram; it has @dram, @data", lambda: machine.memory("sram")),
        ("no array @cnv; it has @conv", lambda: machine.array("cnv")),
    ):
        with pytest.raises(TilefoldError, match=error):
            wrong()


def test_bandwidth_of_memories() -> None:
    assert load_machine("tpu_like").memory("sram").bandwidth == 256
    assert load_machine("dna_a600").dram.bandwidth == 85


def test_legal_folds() -> None:
    folds = load_machine("dna_a600").folds("conv")
    assert {(f.chain, f.pixels) for f in folds if f.units == 6} == {(1, 6), (2, 3), (3, 2), (6, 1)}
    assert all(f.units <= 6 and f.cols == f.groups == 1 for f in folds)
    assert load_machine("tpu_like").folds("conv") == (Fold(),)


@pytest.mark.parametrize(
    ("fold", "error"),
    [
        (fabric.FoldAttr.get("cnv"), "no array @cnv"),
        (fabric.FoldAttr.get("conv", chain=6, pixels=2), "12 units .* has 6 units"),
        (fabric.FoldAttr.get("conv", first=5, chain=2), "2 units from @conv.5 on does not fit"),
        (fabric.FoldAttr.get("conv", cols=2), "cannot fold with cols = 2; it allows 1"),
        (fabric.FoldAttr.get("conv", pixels=4), "pixels = 4; it allows 1, 2, 3, 6"),
        (fabric.FoldAttr.get("conv", mode=3), "has 3 modes, there is no mode 3"),
    ],
)
def test_folds_that_a_machine_cannot_take(fold: fabric.FoldAttr, error: str) -> None:
    with pytest.raises(TilefoldError, match=error):
        check_fold(load_machine("dna_a600"), fold)


def test_every_legal_fold_is_taken() -> None:
    for name in names():
        machine = load_machine(name)
        for fold in machine.folds("conv"):
            attribute = fabric.FoldAttr.get(
                "conv", chain=fold.chain, cols=fold.cols, pixels=fold.pixels, groups=fold.groups
            )
            check_fold(machine, attribute)
            assert fold_of(attribute) == fold


MIRRORS: dict[type[FieldOp], type] = {
    fabric.MachineOp: model.Machine,
    fabric.MemoryOp: model.Memory,
    fabric.DmaOp: model.Dma,
    fabric.ArrayOp: model.Array,
    fabric.LocalOp: model.Local,
    fabric.AccumulatorOp: model.Accumulator,
    fabric.ModeOp: model.Mode,
    fabric.VectorOp: model.Vector,
    fabric.FoldsOp: model.Folds,
}


@pytest.mark.parametrize("op", MIRRORS)
def test_dataclasses_mirror_the_dialect(op: type[FieldOp]) -> None:
    derived = {"parts", "text", "locals", "accumulator", "modes"}
    mirrored = {field.name for field in fields(MIRRORS[op])} - derived
    assert mirrored == {"name", *(field.name for field in op.FIELDS)}


def broken(tmp_path: Path, old: str, new: str) -> str:
    """The message for tiny.mlir with `old` replaced by `new`."""
    text = (Path(model.__file__).parent / "tiny.mlir").read_text()
    assert old in text
    path = tmp_path / "broken.mlir"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(TilefoldError) as caught:
        load_machine(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:")
    assert message.count("\n") <= 1
    return message.removeprefix(f"{path}:")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "banks = 4",
            "bnaks = 4",
            "4:48: fabric.memory has no field `bnaks`; did you mean `banks`?",
        ),
        (
            "banks = 4",
            "zzz = 4",
            "4:48: fabric.memory has no field `zzz`; it has kind, bytes, bytes_per_cycle, burst, "
            "latency_cycles, line, banks, ports, conflicts, holds, standard, src",
        ),
        ("banks = 4", 'standard = "x"', "4:48: fabric.memory @data: SRAM has no field `standard`"),
        (
            "hz =",
            "technology = 28, hz =",
            "2:23: field `technology` must be a string that is not empty, not 28",
        ),
        ("bytes = 4096, ", "", "4:17: fabric.memory @data: field `bytes` is missing: capacity"),
        (
            "banks = 4",
            'banks = "4"',
            '4:48: field `banks` must be an integer from 1 to 1024, not "4"',
        ),
        ("banks = 4", "banks = 0", "4:48: field `banks` must be an integer from 1 to 1024, not 0"),
        ("banks = 4", "banks = 4, banks = 4", "4:59: field `banks` is given twice"),
        ("[8, 4, 2]", "[8, 9, 2]", "9:57: fabric.array @conv: [8, 9] bits: widths are from 2 to 8"),
        (
            "path = [@data, @dram]",
            "path = [@dat, @dram]",
            "8:22: fabric.dma @store: no memory is named @dat",
        ),
        ("c = [1, 2]", "c = [1, 3]", "16:35: fabric.folds @mesh: c = 3 takes 3 units, @conv has 2"),
        ('y = ["C"]', 'z = ["C"]', "12:25: fabric.mode @dense: @conv has no axis z, only y, x"),
        ("hz = 100000000,", "hz = 100000000", "2:38: '}' expected"),
    ],
)
def test_errors_name_file_line_and_column(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert broken(tmp_path, old, new) == message


def test_a_file_holds_one_machine(tmp_path: Path) -> None:
    path = tmp_path / "two.mlir"
    path.write_text(load_machine("tiny").text * 2)
    with pytest.raises(TilefoldError, match=r"two\.mlir: .*exactly one fabric\.machine"):
        load_machine(path)
    path.write_text("")
    with pytest.raises(TilefoldError, match=r"two\.mlir"):
        load_machine(path)


def test_machines_in_generic_form() -> None:
    machine = load_machine("tiny")
    generic = generic_text(machine)
    assert parse_machine(generic, "generic") == machine
    wrong = generic.replace('"bytes" = 4096 : i64', '"bytes" = 0 : i64').replace(
        "bytes = 4096 : i64", "bytes = 0 : i64"
    )
    with pytest.raises(TilefoldError, match=r"generic: fabric.memory @data: field `bytes` must be"):
        parse_machine(wrong, "generic")


def generic_text(machine: Machine) -> str:
    """The machine printed in generic form."""
    from io import StringIO

    from xdsl.context import Context
    from xdsl.dialects.builtin import Builtin
    from xdsl.parser import Parser
    from xdsl.printer import Printer

    context = Context()
    context.load_dialect(Builtin)
    context.load_dialect(fabric.Fabric)
    stream = StringIO()
    op = Parser(context, machine.text).parse_op()
    Printer(stream=stream, print_generic_format=True).print_op(op)
    return stream.getvalue()


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(TilefoldError, match="cannot be read: No such file"):
        load_machine(tmp_path / "none.mlir")
    binary = tmp_path / "binary.mlir"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TilefoldError, match="is not text in UTF-8"):
        load_machine(binary)
    large = tmp_path / "large.mlir"
    large.write_text(" " * ((1 << 20) + 1))
    with pytest.raises(TilefoldError, match="no machine is that large"):
        load_machine(large)


def test_unknown_names_list_what_exists() -> None:
    unknown = r"'dna_a60'; did you mean dna_a600\? \(ascend_like, dna_a600, "
    with pytest.raises(TilefoldError, match=unknown):
        load_machine("dna_a60")
    with pytest.raises(TilefoldError, match=r"'x'; give one of these or a path"):
        load_machine("x")


def test_random_machines_are_legal_and_repeatable() -> None:
    machines = [random_machine(Random(seed)) for seed in range(100)]
    assert machines[7] == random_machine(Random(7))
    assert machine_text(Random(7)) == machine_text(Random(7))
    assert {len(m.memories) for m in machines} == {2, 3}
    assert {m.array("conv").count for m in machines} == {1, 2, 3, 4}
    assert {m.array("conv").locals[0].planes for m in machines} == {1, 2}
    assert {len(m.array("conv").modes) for m in machines} == {1, 2, 3, 4, 5}
    assert {mode.stays for m in machines for mode in m.array("conv").modes} == {"W", "I", "O"}
