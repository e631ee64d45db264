"""Networks cut into single layers, each a network of its own that can be run alone."""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import ReturnOp
from xdsl.ir import Block, Operation, SSAValue

from ..dialects import nn
from ..dialects.location import name_of
from ..dialects.nn_network import module_of, network_of

HOST_OPS = (nn.QuantizeOp, nn.DequantizeOp, nn.ConstantOp)
"""What a machine has no part in."""


@dataclass(frozen=True)
class Layer:
    """The operations that compute one layer's result, as a module with inputs `input0`, ...

    `sources` are the values of the whole network that the inputs stand for.
    """

    name: str
    module: ModuleOp
    sources: tuple[SSAValue, ...]
    operations: tuple[str, ...]
    on_machine: bool


def results_of(module: ModuleOp, observed: Set[str]) -> dict[str, SSAValue]:
    """The values of the network that the layers `observed` have as results, in program order."""
    ops = network_of(module).function.body.block.ops
    results = {name_of(op): op.results[0] for op in ops if not isinstance(op, ReturnOp)}
    return {name: value for name, value in results.items() if name in observed}


def cut(module: ModuleOp, results: Mapping[str, SSAValue]) -> Iterator[Layer]:
    """The network in `module` cut at the values `results`: one layer for each of them."""
    network = network_of(module)
    known = {*network.inputs, *results.values()}
    for name, value in results.items():
        slice_ = _Slice(name, known - {value})
        slice_.take(value)
        yield slice_.layer(value)


class _Slice:
    """The operations behind a value, up to values that are known."""

    def __init__(self, name: str, known: Set[SSAValue]) -> None:
        self._name = name
        self._known = known
        self._block = Block()
        self._copies: dict[SSAValue, SSAValue] = {}
        self._sources: list[SSAValue] = []

    def take(self, value: SSAValue) -> None:
        """Copy what computes `value`, operands first."""
        if value in self._copies:
            return
        if value in self._known:
            self._copies[value] = self._block.insert_arg(value.type, len(self._sources))
            self._sources.append(value)
            return
        op = value.owner
        assert isinstance(op, Operation)
        for operand in op.operands:
            self.take(operand)
        copy = op.clone(self._copies)
        copy.location = op.location
        self._block.add_op(copy)

    def layer(self, value: SSAValue) -> Layer:
        """What was copied, as a network with the result `value`."""
        ops = tuple(self._block.ops)
        names = [f"input{index}" for index in range(len(self._sources))]
        results = [self._copies[value]]
        module = module_of(self._block, results, self._name, names, ["output"])
        return Layer(
            name=self._name,
            module=module,
            sources=tuple(self._sources),
            operations=tuple(op.name for op in ops if not isinstance(op, nn.ConstantOp)),
            on_machine=not all(isinstance(op, HOST_OPS) for op in ops),
        )
