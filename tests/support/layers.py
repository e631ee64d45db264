"""Layers of a network on their own."""

from collections.abc import Iterator

from tilefold.dialects import nn
from tilefold.dialects.location import name_of
from tilefold.dialects.nn_network import network_of, set_names
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation


def alone(op: Operation) -> ModuleOp:
    """A network of `op` alone, whose constants stay; its input is called x, its output y."""
    (value,) = [v for v in op.operands if not isinstance(v.owner, nn.ConstantOp)]
    function = FuncOp("main", ([value.type], [op.results[0].type]))
    block = function.body.block
    mapping = {value: block.args[0]}
    for operand in op.operands:
        if isinstance(operand.owner, nn.ConstantOp):
            block.add_op(operand.owner.clone(mapping))
    layer = op.clone(mapping)
    block.add_ops([layer, ReturnOp(layer.results[0])])
    module = ModuleOp([function])
    set_names(module, name_of(op), ["x"], ["y"])
    module.verify()
    return module


def layers(module: ModuleOp, *kinds: type[Operation]) -> Iterator[tuple[Operation, str]]:
    """Every operation of these kinds, and the name of the layer that makes its input."""
    for op in network_of(module).function.body.ops:
        if isinstance(op, kinds):
            source = op.operands[0].owner
            assert isinstance(source, Operation)
            yield op, name_of(source)
