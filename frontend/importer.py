"""From an ONNX model to a module of the `nn` dialect."""

from collections import deque
from pathlib import Path

from onnx import ModelProto, TensorProto
from xdsl.dialects.builtin import ModuleOp, TensorType, f32
from xdsl.ir import Attribute, Block, SSAValue
from xdsl.utils.exceptions import VerifyException

from ..dialects import nn
from ..dialects.quant import UniformType
from ..dialects.store import Store
from ..errors import TilefoldError
from .catalogue import OPERATORS
from .graph import Graph, Node, Port, load
from .network import module_of
from .operators import Operator
from .scope import Scope
from .values import Integers, Pending, Real, View


def import_model(model: str | Path | ModelProto, store: Store) -> ModuleOp:
    """The network in `model` as a module of the `nn` dialect; large constants go to `store`.

    Raises TilefoldError naming the file and the ONNX node where the model is damaged, or uses what
    is not supported.
    """
    graph = load(model)
    try:
        return _convert(graph, store)
    except TilefoldError as error:
        raise TilefoldError(f"{graph.file}: {error}") from error


def _convert(graph: Graph, store: Store) -> ModuleOp:
    operators = [_operator(node) for node in graph.nodes]
    block = Block(arg_types=[_input_type(graph, port) for port in graph.inputs])
    scope = Scope(graph, store, block)
    for port, argument in zip(graph.inputs, block.args, strict=True):
        real = port.element_type == TensorProto.FLOAT
        scope.values[port.name] = Real(argument) if real else Integers(argument)
    for node, operator in zip(graph.nodes, operators, strict=True):
        made = operator.apply(scope, node)
        values = made if isinstance(made, tuple) else (made,)
        if any(node.outputs[len(values) :]):
            raise TilefoldError(f"{node}: of its outputs {len(values)} are supported")
        scope.values.update(zip(node.outputs, values, strict=False))
    results = [_output(scope, port) for port in graph.outputs]
    return module_of(graph, block, results)


def _operator(node: Node) -> Operator:
    if (node.domain, node.op_type) not in OPERATORS:
        name = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
        raise TilefoldError(
            f"{node}: operator {name} is not supported\n`tilefold ops` lists those that are"
        )
    return OPERATORS[node.domain, node.op_type]


def _input_type(graph: Graph, port: Port) -> Attribute:
    if port.element_type == TensorProto.FLOAT:
        return TensorType(f32, port.shape)
    return TensorType(_interface_type(graph, port), port.shape)


def _interface_type(graph: Graph, port: Port) -> UniformType:
    """The quantised type of an integer input: the parameters that its first reader gives.

    ConvInteger and MatMulInteger give no scale; integers then stand for themselves.
    """
    signed = port.element_type == TensorProto.INT8
    names = deque([port.name])
    seen = {port.name}
    while names:
        name = names.popleft()
        for node in graph.nodes:
            if name not in node.inputs:
                continue
            place = _parameters_at(node, node.inputs.index(name))
            if place is not None:
                scale, zero_point = (graph.constants.get(node.input(index)) for index in place)
                if scale is None or scale.size != 1:
                    raise TilefoldError(f"{node}: the scale of input '{port.name}' is no constant")
                zero = 0 if zero_point is None else int(zero_point.reshape(-1)[0])
                try:
                    return UniformType.per_tensor(8, signed, float(scale.reshape(-1)[0]), zero)
                except VerifyException as error:
                    raise TilefoldError(f"{node}: {error}") from error
            names += [output for output in node.outputs if output not in seen]
            seen.update(node.outputs)
    return UniformType.per_tensor(8, signed, 1.0)


def _parameters_at(node: Node, index: int) -> tuple[int, int] | None:
    """Where `node` takes scale and zero point of its input `index`, if it does."""
    if node.op_type == "QLinearConcat":
        return index + 1, index + 2
    if node.op_type.startswith(("QLinear", "QGemm", "DequantizeLinear")):
        return index + 1, index + 2
    return None


def _output(scope: Scope, port: Port) -> SSAValue:
    """The value of the network's output `port`."""
    value = scope.values.get(port.name)
    producer = next((node for node in scope.graph.nodes if port.name in node.outputs), None)
    name = producer.name if producer else port.name
    match value:
        case Integers():
            return value.ssa
        case View(function=None):
            return scope.emit(name, nn.DequantizeOp, value.ssa)
        case Pending(function=None, accumulator=UniformType() as accumulator):
            return scope.emit(value.node.name, nn.DequantizeOp, value.build(accumulator, None))
        case View() | Pending():
            raise TilefoldError(
                f"node '{name}': output '{port.name}' is not quantised; put QuantizeLinear and "
                "DequantizeLinear behind it"
            )
        case _:
            raise TilefoldError(f"output '{port.name}' is not computed from the inputs")
