"""From a module of real numbers, quantised here and there, to an ONNX model that means the same.

Each `nn.onnx` operation becomes its node, named as its layer; `nn.quantize` and `nn.dequantize`
become QuantizeLinear and DequantizeLinear, below 8 bits with a Clip of the 8-bit integers to the
range that there is. The result is a model in the QDQ form, which onnxruntime runs.
"""

from collections.abc import Iterable, Mapping
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from onnx import (
    AttributeProto,
    GraphProto,
    ModelProto,
    NodeProto,
    ValueInfoProto,
    helper,
    numpy_helper,
)
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    DenseArrayBase,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    ModuleOp,
    StringAttr,
)
from xdsl.dialects.func import ReturnOp
from xdsl.ir import Attribute, Operation, SSAValue

from ..dialects import nn
from ..dialects.location import name_of
from ..dialects.nn_network import Network, network_of, opsets_of
from ..dialects.nn_types import element_of, numpy_type, shape_of, tensor_of
from ..dialects.quant import UniformType
from ..dialects.store import Store
from ..errors import TilefoldError

Array = npt.NDArray[Any]

PRODUCER = "tilefold"
IR_VERSION = 10
"""Of ONNX's file format: the newest that onnxruntime 1.20 reads."""


def dequantised(name: str) -> str:
    """What the stored form of a value called `name` is called where it is made real again."""
    return f"{name}_DequantizeLinear"


def onnx_model(module: ModuleOp, store: Store, shown: Iterable[SSAValue] = ()) -> ModelProto:
    """The network in `module` as an ONNX model; values that are `shown` are outputs, too.

    Raises TilefoldError for operations that compute on integers: these have left ONNX behind.
    """
    network = network_of(module)
    writer = _Writer(network, store)
    for op in network.function.body.block.ops:
        writer.add(op)
    writer.finish(shown)
    opsets = [helper.make_opsetid(*entry) for entry in opsets_of(module).items()]
    return helper.make_model(
        writer.graph, producer_name=PRODUCER, opset_imports=opsets, ir_version=IR_VERSION
    )


def value_names(module: ModuleOp) -> dict[SSAValue, str]:
    """What the values of a module are called in its ONNX model."""
    return _Writer(network_of(module), Store()).names


class _Writer:
    """An ONNX graph in the making."""

    def __init__(self, network: Network, store: Store):
        self.graph = GraphProto(name=network.name)
        self._network, self._store = network, store
        self._used = {*network.input_names, *network.output_names}
        self._nodes: set[str] = set()
        self._captured: dict[str, SSAValue] = {}
        operations = list(network.function.body.block.ops)
        for op in operations:
            self._used.update(op.captures if isinstance(op, nn.OnnxOp) else ())
        self.names = dict(zip(network.inputs, network.input_names, strict=True))
        outputs = dict(zip(network.outputs, network.output_names, strict=True))
        for op in operations:
            for place, value in enumerate(op.results):
                layer = name_of(op) or op.name
                wanted = f"{layer}:{place}" if place else layer
                self.names[value] = outputs.get(value) or self._unused(wanted)

    def _unused(self, wanted: str) -> str:
        """A name that no value or node has yet."""
        name, number = wanted, 1
        while name in self._used:
            name, number = f"{wanted}#{number}", number + 1
        self._used.add(name)
        return name

    def add(self, op: Operation) -> None:
        """Add what an operation becomes."""
        match op:
            case nn.ConstantOp():
                self._constant(self.names[op.result], op.array(self._store))
            case nn.OnnxOp():
                self._operator(op)
            case nn.QuantizeOp():
                self._quantize(op)
            case nn.DequantizeOp():
                self._dequantize(op)
            case ReturnOp():
                pass
            case _:
                raise TilefoldError(
                    f"{name_of(op)}: {op.name} computes on integers and is no ONNX operator"
                )

    def _constant(self, name: str, array: Array) -> str:
        self.graph.initializer.append(numpy_helper.from_array(array, name))
        return name

    def _node(
        self, op_type: str, inputs: list[str], output: str, layer: str, axis: int | None = None
    ) -> None:
        node = helper.make_node(op_type, inputs, [output], self._node_name(layer))
        if axis is not None:
            node.attribute.append(helper.make_attribute("axis", axis))
        self.graph.node.append(node)

    def _node_name(self, wanted: str) -> str:
        """A name that no node has yet."""
        name, number = wanted, 1
        while name in self._nodes:
            name, number = f"{wanted}#{number}", number + 1
        self._nodes.add(name)
        return name

    def _operator(self, op: nn.OnnxOp) -> None:
        inputs = ["" if value is None else self.names[value] for value in op.arguments]
        outputs = [self.names[value] for value in op.outputs]
        name = self._node_name(name_of(op) or op.op_type)
        node = NodeProto(
            name=name, op_type=op.op_type, domain=op.domain, input=inputs, output=outputs
        )
        node.attribute.extend(self._attributes(op.options.data))
        for name, value in op.captures.items():
            self._capture(name, value)
        self.graph.node.append(node)

    def _capture(self, name: str, value: SSAValue) -> None:
        """Let a value be used in graphs under a name."""
        if self.names[value] == name or self._captured.get(name) is value:
            return
        if name in self._captured:
            raise TilefoldError(f"two values are captured under the name {name}")
        self._captured[name] = value
        self._node("Identity", [self.names[value]], name, name)

    def _attributes(self, options: Mapping[str, Attribute]) -> Iterable[AttributeProto]:
        for name, value in options.items():
            match value:
                case IntegerAttr():
                    yield helper.make_attribute(name, value.value.data)
                case FloatAttr():
                    yield helper.make_attribute(name, float(value.value.data))
                case StringAttr():
                    yield helper.make_attribute(name, value.data)
                case DenseArrayBase():
                    whole = isinstance(value.elt_type, IntegerType)
                    kind = AttributeProto.INTS if whole else AttributeProto.FLOATS
                    numbers = cast("DenseArrayBase[Any]", value).get_values()
                    yield helper.make_attribute(name, list(numbers), attr_type=kind)
                case nn.StoredAttr():
                    yield AttributeProto.FromString(self._store.get(value.digest.data).tobytes())
                case _:
                    raise TilefoldError(f"option {name} = {value} is no attribute of ONNX")

    def _parameters(self, name: str, element: UniformType) -> list[str]:
        """Initialisers with the scales and zero points of a type."""
        shape = () if element.axis is None else (-1,)
        zeros = element.zero_points(self._store).astype(element.numpy_dtype)
        return [
            self._constant(
                self._unused(f"{name}:scale"), element.scales(self._store).reshape(shape)
            ),
            self._constant(self._unused(f"{name}:zero_point"), zeros.reshape(shape)),
        ]

    def _quantize(self, op: nn.QuantizeOp) -> None:
        element, name = element_of(op.result), self.names[op.result]
        layer = name_of(op) or name
        inputs = [self.names[op.input], *self._parameters(name, element)]
        whole = np.iinfo(element.numpy_dtype)
        if (element.qmin, element.qmax) == (whole.min, whole.max):
            self._node("QuantizeLinear", inputs, name, layer)
            return
        wide = self._unused(f"{name}:wide")
        self._node("QuantizeLinear", inputs, wide, layer)
        bounds = [
            self._constant(self._unused(f"{name}:{which}"), np.array(bound, element.numpy_dtype))
            for which, bound in (("low", element.qmin), ("high", element.qmax))
        ]
        self._node("Clip", [wide, *bounds], name, f"{layer}:clip")

    def _dequantize(self, op: nn.DequantizeOp) -> None:
        element, name = element_of(op.input), self.names[op.result]
        inputs = [self.names[op.input], *self._parameters(name, element)]
        self._node("DequantizeLinear", inputs, name, name_of(op) or name, element.axis)

    def finish(self, shown: Iterable[SSAValue]) -> None:
        """Say what goes in and out."""
        for value in self._network.inputs:
            self.graph.input.append(self._info(value, self.names[value]))
        known = set[str]()
        for value, name in zip(self._network.outputs, self._network.output_names, strict=True):
            if self.names[value] != name:
                self._node("Identity", [self.names[value]], name, name)
            self.graph.output.append(self._info(value, name))
            known.add(name)
        for value in shown:
            if self.names[value] not in known:
                self.graph.output.append(self._info(value, self.names[value]))

    def _info(self, value: SSAValue, name: str) -> ValueInfoProto:
        kind = helper.np_dtype_to_tensor_dtype(numpy_type(tensor_of(value).element_type))
        shape = [None if size == DYNAMIC_INDEX else size for size in shape_of(value)]
        return helper.make_tensor_value_info(name, kind, shape)
