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
from .graph import Graph, Node, Port, check_batch
from .loading import load
from .network import module_from
from .operators import Operator
from .scope import Scope
from .shapes import Shapes
from .values import Integers, Pending, Real, Value, View


def import_model(
    model: str | Path | ModelProto, store: Store, shapes: Shapes | None = None
) -> ModuleOp:
    """The network in `model` as a module of the `nn` dialect; large constants go to `store`.

    `shapes` gives those of inputs with dynamic dimensions.
    Raises TilefoldError naming the file and the ONNX node where the model is damaged, or uses what
    is not supported.
    """
    return convert(load(model, shapes), store)


def convert(graph: Graph, store: Store) -> ModuleOp:
    """The network `graph` as a module of the `nn` dialect; large constants go to `store`.

    Raises TilefoldError naming the file and the node where something is not supported.
    """
    try:
        for node in graph.nodes:
            operator_of(node)
        scope = Scope(graph, store, Block())
        for port in graph.inputs:
            add_input(scope, port)
        for node in graph.nodes:
            scope.values.update(convert_node(scope, node))
        results = [output(scope, port.name) for port in graph.outputs]
        return module_from(graph, scope.block, results)
    except TilefoldError as error:
        raise TilefoldError(f"{graph.file}: {error}") from error


def add_input(scope: Scope, port: Port) -> None:
    """Let the block take `port`; TilefoldError where the machine cannot."""
    kind = _input_type(scope.graph, port)
    argument = scope.block.insert_arg(kind, len(scope.block.args))
    real = port.element_type == TensorProto.FLOAT
    scope.values[port.name] = Real(argument) if real else Integers(argument)


def convert_node(scope: Scope, node: Node) -> dict[str, Value]:
    """What the outputs of `node` become; TilefoldError, naming it, where it is not supported."""
    made = operator_of(node).apply(scope, node)
    values = made if isinstance(made, tuple) else (made,)
    if any(node.outputs[len(values) :]):
        raise TilefoldError(f"{node}: of its outputs {len(values)} are supported")
    return dict(zip(node.outputs, values, strict=False))


def operator_of(node: Node) -> Operator:
    """What converts `node`; TilefoldError, naming it, where nothing does."""
    if (node.domain, node.op_type) not in OPERATORS:
        name = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
        raise TilefoldError(
            f"{node}: operator {name} is not supported\n`tilefold ops` lists those that are"
        )
    return OPERATORS[node.domain, node.op_type]


def _input_type(graph: Graph, port: Port) -> Attribute:
    if port.element_type not in (TensorProto.FLOAT, TensorProto.UINT8, TensorProto.INT8):
        known = port.element_type in TensorProto.DataType.values()
        name = TensorProto.DataType.Name(port.element_type).lower() if known else "of unknown type"
        raise TilefoldError(f"input '{port.name}' is {name}; float, uint8 and int8 are supported")
    check_batch(port)
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


def output(scope: Scope, result: str) -> SSAValue:
    """The value of the network's output `result`; TilefoldError where it cannot go out."""
    value = scope.values.get(result)
    producer = next((node for node in scope.graph.nodes if result in node.outputs), None)
    name = producer.name if producer else result
    match value:
        case Integers():
            return value.ssa
        case View(function=None):
            return scope.emit(name, nn.DequantizeOp, value.ssa)
        case Pending(function=None, accumulator=UniformType() as accumulator):
            return scope.emit(value.node.name, nn.DequantizeOp, value.build(accumulator, None))
        case View() | Pending():
            raise TilefoldError(
                f"node '{name}': output '{result}' is not quantised; put QuantizeLinear and "
                "DequantizeLinear behind it"
            )
        case _:
            raise TilefoldError(f"output '{result}' is not computed from the inputs")
