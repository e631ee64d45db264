"""What the layers of a compiled network read and make, as tensors: each counted once."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from xdsl.dialects.builtin import FixedBitwidthType, ModuleOp
from xdsl.ir import Operation, SSAValue

from ...compiler import Compilation
from ...dialects import nn
from ...dialects.layout import memory_bytes
from ...dialects.location import name_of
from ...dialects.nn_network import network_of
from ...dialects.nn_types import element_of, shape_of, tensor_of
from ...dialects.quant import UniformType
from ...passes.fuse_epilogue import EPILOGUE, FuseEpiloguePass, producer_of
from ...passes.pipelines import run_passes


@dataclass(frozen=True)
class Sizes:
    """Bytes of the tensors of a layer, and the operations of `nn` that it runs.

    `weights` are the constants, biases included; `inputs` what else it reads, `outputs` what it
    makes. What an operation hands to one of the same layer is neither.
    """

    operations: tuple[str, ...] = ()
    weights: int = 0
    inputs: int = 0
    outputs: int = 0


def sizes_of(compilation: Compilation) -> dict[str, Sizes]:
    """The sizes of the layers of a program by name.

    An operation that runs in the nest of another one is of that one's layer; one that has no
    instructions, such as a reshape that changes nothing in memory, is of none.
    """
    module = compilation.nn.clone()
    run_passes([FuseEpiloguePass()], compilation.context, module)
    groups = _groups(module, compilation.program.layers)
    return {layer: _sizes(operations) for layer, operations in groups.items()}


def _groups(module: ModuleOp, layers: Sequence[str]) -> dict[str, list[Operation]]:
    """The operations of each layer, in program order."""
    groups: defaultdict[str, list[Operation]] = defaultdict(list)
    layer_of: dict[Operation, str] = {}
    for op in network_of(module).function.body.ops:
        if isinstance(op, nn.ConstantOp | nn.QuantizeOp | nn.DequantizeOp):
            continue
        name = name_of(op)
        if isinstance(op, nn.BinaryOp | nn.LutOp) and EPILOGUE in op.attributes:
            producer = producer_of(op)
            assert producer is not None, "fuse-epilogue has run"
            name = layer_of[producer]
        layer_of[op] = name
        if name in layers:
            groups[name].append(op)
    return groups


def _sizes(operations: Sequence[Operation]) -> Sizes:
    inside = {result for op in operations for result in op.results}
    read = dict.fromkeys(value for op in operations for value in op.operands)
    constants = [value for value in read if isinstance(value.owner, nn.ConstantOp)]
    inputs = [value for value in read if value not in inside and value not in constants]
    outputs = [value for value in inside if any(u.operation not in operations for u in value.uses)]
    names = tuple(op.name.removeprefix("nn.") for op in operations)
    return Sizes(names, *map(_bytes, (constants, inputs, outputs)))


def _bytes(values: Iterable[SSAValue]) -> int:
    return sum(_size(value) for value in values)


def _size(value: SSAValue) -> int:
    """Bytes of a tensor: an activation's as it lies in memory, a constant's elements alone."""
    if isinstance(value.owner, nn.ConstantOp):
        tensor = tensor_of(value)
        element = tensor.element_type
        assert isinstance(element, UniformType | FixedBitwidthType)
        bits = element.bits if isinstance(element, UniformType) else element.bitwidth
        return -(-tensor.element_count() * bits // 8)
    return memory_bytes(shape_of(value), element_of(value).bits)
