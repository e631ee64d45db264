"""Build the program file of a module that has been lowered to `isa`."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import cast

from xdsl.dialects.builtin import ArrayAttr, ModuleOp, TensorType
from xdsl.ir import Attribute
from xdsl.utils.hints import isa

from ..costmodel.dma import fetch_cost
from ..dialects.frames import frames_of
from ..dialects.isa import ProgramOp
from ..dialects.isa_prediction import PREDICTION, PredictionAttr
from ..dialects.quant import UniformType
from ..dialects.schedule import TensorOp
from ..dialects.store import Store
from ..machines.model import Machine
from .emit import emit
from .prediction import LayerPrediction, Prediction
from .program import Port, Program, Segment


def build_program(module: ModuleOp, machine: Machine, store: Store) -> Program:
    """The program of the `isa.program` in `module` and the tensors beside it.

    Raises TilefoldError where there is not exactly one program, or it breaks a rule.
    """
    code, provenance = emit(module)
    tensors = [op for op in module.ops if isinstance(op, TensorOp)]
    program = Program(
        code=code,
        machine_text=machine.text,
        segments=tuple(_segments(tensors, store)),
        inputs=tuple(_port(op, store) for op in tensors if op.kind.data == "input"),
        outputs=tuple(_port(op, store) for op in tensors if op.kind.data == "output"),
        layers=provenance.layers,
        layer_of=provenance.layer_of,
        frames=frames_of(module),
    )
    program.check()
    return replace(program, prediction=_prediction(module, machine, program))


def _prediction(module: ModuleOp, machine: Machine, program: Program) -> Prediction | None:
    """What `predict-cycles` said of the program's layers; None where it has not run."""
    (code,) = (op for op in module.ops if isinstance(op, ProgramOp))
    listed = code.attributes.get(PREDICTION)
    if not isinstance(listed, ArrayAttr):
        return None
    numbers = {name: number for number, name in enumerate(program.layers)}
    start = fetch_cost(machine.dram, program.code_bytes)[0] + machine.dram.latency_cycles
    parts = {
        numbers[each.layer.data]: LayerPrediction(tuple(each.cycles.values()))
        for each in cast(ArrayAttr[Attribute], listed)
        if isinstance(each, PredictionAttr) and each.layer.data in numbers
    }
    return Prediction(start, parts)


def _address(tensor: TensorOp) -> int:
    assert tensor.address is not None, "schedule-allocate has run"
    return tensor.address.value.data


def _segments(tensors: Sequence[TensorOp], store: Store) -> Iterator[Segment]:
    """The constants; those of one label are told apart by a number."""
    seen: dict[str, int] = {}
    for tensor in tensors:
        if tensor.data is not None:
            label = tensor.label.data or "constant"
            seen[label] = seen.get(label, 0) + 1
            name = label if seen[label] == 1 else f"{label}#{seen[label]}"
            yield Segment(name, _address(tensor), tensor.bytes(store))


def _port(tensor: TensorOp, store: Store) -> Port:
    logical = tensor.logical
    assert isa(logical, TensorType[UniformType])
    element = logical.element_type
    return Port(
        name=tensor.label.data,
        shape=logical.get_shape(),
        float_interface=tensor.host_float is not None,
        bits=element.bits,
        signed=element.signed,
        scale=tuple(map(float, element.scales(store))),
        zero_point=tuple(map(int, element.zero_points(store))),
        axis=element.axis,
        address=_address(tensor),
    )
