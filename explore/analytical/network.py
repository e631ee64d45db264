"""A network as the analytical evaluator sees it: its layers, and what of them stays on chip.

Which tensors stay on chip depends on nothing of a machine but the memory of inputs and outputs. So
the compiler's own passes are asked, once for each size of that memory.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from hashlib import sha256
from math import prod
from pathlib import Path
from typing import Any, Literal

from onnx import ModelProto
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.ir import Operation, SSAValue

from ...compiler import context_for
from ...costmodel.energy import What
from ...dialects import nn
from ...dialects.fabric import FoldAttr
from ...dialects.frames import split_frame
from ...dialects.location import name_of
from ...dialects.nn_network import network_of
from ...dialects.nn_types import element_of, shape_of
from ...dialects.store import Store, StoreContext
from ...frontend import import_model
from ...frontend.files import read_model
from ...machines.model import Machine
from ...passes.attach_machine import attach_machine
from ...passes.choose_fold import START
from ...passes.choose_tile import extras_of
from ...passes.fuse_epilogue import EPILOGUE, Epilogue, FuseEpiloguePass, producer_of
from ...passes.keep_on_chip import KeepOnChipPass, never_made, renamed, room_in, size_of
from ...passes.lowering.convolution import conv_shape
from ...passes.lowering.parts import place_in_concat
from ...passes.lowering.shapes import ConvShape
from ...passes.lowering.state import address_of, numbers
from ...passes.nn_frames import FrameOrder, NnFramesPass
from ...passes.order_layers import OrderLayersPass
from ...passes.pipelines import LINGER, nn_passes, run_passes
from ...passes.tilings import Extras
from .occupancy import waits

_STAGE = 1 << 20
"""When the next stage begins, where all are equally long."""

ON_HOST = nn.ConstantOp, nn.QuantizeOp, nn.DequantizeOp
"""What is done before a machine begins, or after it."""


@dataclass(frozen=True)
class Product:
    """What a convolution or matrix product is to an array; `room` is the bytes for its tiles."""

    shape: ConvShape
    bits: tuple[int, int]
    extras: Extras
    room: int


@dataclass(frozen=True)
class Movement:
    """A layer of the vector lanes, or one that only moves data.

    `reads` elements enter the lanes, `what` they do (`costmodel.energy.What`, "" for nothing) is
    done for `elements` and makes `results`; so many bytes are loaded from DRAM and stored there.
    """

    what: What | Literal[""]
    reads: int
    elements: int
    results: int
    loads: int
    stores: int


@dataclass(frozen=True)
class Layer:
    """A layer of a network, by its node's name."""

    name: str
    work: Product | Movement


@dataclass(frozen=True)
class Staged:
    """A layer of a frame in a pipeline, and the layers `after` which, by their numbers, it may
    write its result on chip."""

    layer: Layer
    frame: int
    after: tuple[int, ...]


class Network:
    """A quantised network, ready to be looked at on machines.

    Raises TilefoldError where it cannot be imported.
    """

    def __init__(self, name: str, model: str | Path | ModelProto) -> None:
        self.name = name
        self._model = model
        self.digest = digest_of_model(model)
        self.store = Store()
        self.context: StoreContext = context_for(self.store)
        self._module: ModuleOp = import_model(model, self.store)
        run_passes(nn_passes(), self.context, self._module)

    def __reduce__(self) -> tuple[Any, ...]:
        """The model, with all data of its own: IR is made anew."""
        model = (
            self._model if isinstance(self._model, ModelProto) else read_model(Path(self._model))
        )
        return _of_bytes, (self.name, model.SerializeToString(), self.digest)

    def layers(self, machine: Machine) -> tuple[Layer, ...]:
        """The layers in program order; of `machine` only the memory of "I" and "O" counts."""
        module = self.on(machine)
        KeepOnChipPass().apply(self.context, module)
        return tuple(self._layers(machine, list(network_of(module).function.body.ops)))

    def staged(
        self, machine: Machine, ends: Sequence[int], lengths: Sequence[int], frames: int
    ) -> "tuple[Staged, ...]":
        """The layers of a pipeline in program order.

        Array a of `machine` has the products from `ends[a]` to `ends[a + 1]`, of which each takes a
        part of its stage as its `lengths` [products] say. All stages are taken to be equally long:
        of the machine only its arrays' names and the memory of "I" and "O" count.
        """
        module = self.on(machine)
        NnFramesPass(frames, FrameOrder.PIPELINE.value).apply(self.context, module)
        places: dict[str, int] = {}
        for op in network_of(module).function.body.ops:
            if isinstance(op, nn.ConvOp | nn.MatmulOp):
                name, frame = split_frame(name_of(op), frames)
                number = places.setdefault(name, len(places))
                stage = bisect_right(ends, number) - 1
                before = sum(lengths[ends[stage] : number])
                within = Fraction(before, sum(lengths[ends[stage] : ends[stage + 1]]))
                start = int((frame + stage + within) * _STAGE)
                op.attributes["fold"] = FoldAttr.get(machine.arrays[stage].name)
                op.attributes[START] = IntegerAttr(start, i64)
        OrderLayersPass().apply(self.context, module)
        KeepOnChipPass(linger=LINGER).apply(self.context, module)
        ops = list(network_of(module).function.body.ops)
        made = list(self._layers(machine, ops))
        numbers = _numbers(ops, [layer.name for layer in made])
        after = waits(ops, numbers)
        return tuple(
            Staged(layer, split_frame(layer.name, frames)[1], tuple(sorted(after.get(number, ()))))
            for number, layer in enumerate(made)
        )

    def on(self, machine: Machine) -> ModuleOp:
        """The module with its machine, before anything is chosen."""
        module = self._module.clone()
        attach_machine(module, machine)
        FuseEpiloguePass().apply(self.context, module)
        return module

    def _layers(self, machine: Machine, ops: Sequence[Operation]) -> Iterator[Layer]:
        for op in ops:
            if isinstance(op, nn.ConvOp | nn.MatmulOp):
                shape = conv_shape(op, self.store)
                bits = element_of(op.input).bits, element_of(op.weight).bits
                room = room_in(machine, op).memory_for("O").bytes
                extras = extras_of(op, shape)
                extras = replace(extras, tiles=tuple(extras.tiles))  # to be hashed
                yield Layer(name_of(op), Product(shape, bits, extras, room))
            elif op.results and EPILOGUE not in op.attributes and not isinstance(op, ON_HOST):
                work = _movement(op)
                if work.reads or work.loads or work.stores:
                    yield Layer(name_of(op), work)


def _numbers(ops: Sequence[Operation], names: Sequence[str]) -> dict[Operation, int]:
    """Which layer, by the place of its name in `names`, computes each operation."""
    places = {name: number for number, name in enumerate(names)}
    numbers: dict[Operation, int] = {}
    for op in ops:
        maker = producer_of(op) if EPILOGUE in op.attributes and isinstance(op, Epilogue) else op
        if maker is not None and op.results and name_of(maker) in places:
            numbers[op] = places[name_of(maker)]
    return numbers


def _of_bytes(name: str, model: bytes, digest: str) -> Network:
    network = Network(name, ModelProto.FromString(model))
    network.digest = digest
    return network


def digest_of_model(model: str | Path | ModelProto) -> str:
    """The SHA-256 of a model's bytes; those of external data do not count."""
    data = model.SerializeToString() if isinstance(model, ModelProto) else Path(model).read_bytes()
    return sha256(data).hexdigest()


def _movement(op: Operation) -> Movement:
    outputs = prod(shape_of(op.results[0]))
    stores = size_of(op) if _in_dram(op.results[0]) else 0
    loads = sum(_bytes(value) for value in op.operands if _in_dram(value))
    match op:
        case nn.GlobalAvgPoolOp():
            window = prod(shape_of(op.input)[2:])
            return Movement("pool", outputs * window, outputs * window, outputs, loads, stores)
        case nn.MaxPoolOp() | nn.AvgPoolOp():
            window = prod(numbers(op.kernel))
            return Movement("pool", outputs * window, outputs * window, outputs, loads, stores)
        case nn.AddOp() | nn.MulOp():
            what: What = "add" if isinstance(op, nn.AddOp) else "multiply"
            return Movement(what, 2 * outputs, outputs, outputs, loads, stores)
        case nn.LutOp():
            return Movement("table", outputs, outputs, outputs, loads, stores)
        case nn.ConcatOp():
            apart = [value for value in op.inputs if place_in_concat(value) is None]
            moved = sum(_bytes(value) for value in apart)
            return Movement("", 0, 0, 0, moved, moved)
        case _ if renamed(op) is not None:
            return Movement("", 0, 0, 0, 0, 0)
        case _:
            return Movement("", 0, 0, 0, loads, stores)


def _in_dram(value: SSAValue) -> bool:
    owner = value.owner
    if isinstance(owner, nn.ConstantOp) or (isinstance(owner, Operation) and never_made(owner)):
        return False
    return address_of(value) is None


def _bytes(value: SSAValue) -> int:
    return -(-prod(shape_of(value)) * element_of(value).bits // 8)
