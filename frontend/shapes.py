"""Checking a model, fixing the shapes of its inputs and inferring all others."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy.typing as npt
import onnx
from onnx import (
    ModelProto,
    NodeProto,
    TensorProto,
    TensorShapeProto,
    ValueInfoProto,
    helper,
    inliner,
    numpy_helper,
)

from ..errors import TilefoldError
from .sizes import check_size

SMALL = 1 << 10
"""Elements of constants whose values say shapes, pads and the like."""

Shapes = Mapping[str, Sequence[int]]
"""Shapes of inputs by name."""


def checked(model: ModelProto, infer: bool = True) -> ModelProto:
    """The model after ONNX's own checks, with the shapes of its values when `infer`.

    Raises TilefoldError with the node's name and ONNX's reason in one line.
    """
    try:
        if infer:
            return onnx.shape_inference.infer_shapes(
                model, check_type=True, strict_mode=True, data_prop=True
            )
        onnx.checker.check_model(model)
        return inliner.inline_local_functions(model) if model.functions else model
    except Exception as error:  # ONNX lets whatever C++ raises through
        raise TilefoldError(_reason(str(error))) from error


def inferred_again(
    model: ModelProto, nodes: Iterable[NodeProto], constants: Mapping[str, npt.NDArray[Any]]
) -> ModelProto:
    """`model` with the shapes that follow once its nodes on constants are computed.

    `nodes` are those that are left, `constants` what the others computed, and the initializers.
    Large constants take part by their shapes alone; a model whose shapes are all known is not
    looked at again.
    """
    nodes = list(nodes)
    values = (*model.graph.value_info, *model.graph.output)
    static = {value.name for value in values if _is_static(value)}
    if all(name in static for node in nodes for name in node.output if name):
        return model
    rest = ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    rest.graph.name = model.graph.name
    rest.graph.node.extend(nodes)
    rest.graph.input.extend(model.graph.input)
    for name, array in constants.items():
        if array.size <= SMALL:
            rest.graph.initializer.append(numpy_helper.from_array(array, name))
        else:
            kind = helper.np_dtype_to_tensor_dtype(array.dtype)
            rest.graph.input.append(helper.make_tensor_value_info(name, kind, array.shape))
    for value in model.graph.output:
        rest.graph.output.add().CopyFrom(value)
        if not _is_static(value):
            rest.graph.output[-1].type.tensor_type.ClearField("shape")
    found = onnx.shape_inference.infer_shapes(rest, data_prop=True).graph
    del model.graph.value_info[:]
    model.graph.value_info.extend(found.value_info)
    del model.graph.output[:]
    model.graph.output.extend(found.output)
    return model


def _is_static(value: ValueInfoProto) -> bool:
    """Whether a value is no tensor, or one whose shape is known."""
    kind = value.type.tensor_type
    if not value.type.HasField("tensor_type"):
        return True
    return kind.HasField("shape") and all(dim.HasField("dim_value") for dim in kind.shape.dim)


def with_static_inputs(model: ModelProto, shapes: Shapes) -> ModelProto:
    """The model with the shapes of its inputs fixed; changed in place.

    `shapes` gives those of some inputs by name. What it says of a dimension holds for all
    dimensions of that name; a leading dimension that is still unknown becomes 1.
    It may also give other sizes than those of a fixed batch, or of fixed rows and columns.
    Shapes noted in the model are dropped, so that inference starts from the inputs; so are inputs
    that are initializers, as files of version 3 have them.
    """
    if model.graph.sparse_initializer:
        raise TilefoldError("sparse initializers are not supported; export dense weights")
    inputs = inputs_of(model)
    if unknown := sorted(set(shapes) - {value.name for value in inputs}):
        listed = ", ".join(value.name for value in inputs)
        raise TilefoldError(f"a shape is given for '{unknown[0]}', but the inputs are {listed}")
    sizes: dict[str, int] = {}
    resized = False
    for value in (*inputs, *model.graph.output):
        _forget_unknown(value)
    for value in inputs:
        if value.name in shapes:
            resized |= _apply(value, tuple(shapes[value.name]), sizes)
    for value in inputs:
        _check_tensor(value)
        if value.name not in shapes:
            _fix(value, sizes)
        shape = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        check_size(f"input '{value.name}'", shape)
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    if model.ir_version == 3:
        model.ir_version = 4
    del model.graph.value_info[:]
    kinds = {value.name: value.type for value in inputs}
    for value in model.graph.output:
        if value.name in kinds:
            value.type.CopyFrom(kinds[value.name])
            continue
        for dim in value.type.tensor_type.shape.dim:
            if resized or dim.HasField("dim_param"):
                dim.Clear()
    return model


def inputs_of(model: ModelProto) -> list[ValueInfoProto]:
    """The inputs of a model that are no initializers."""
    constants = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in constants]


def _forget_unknown(value: ValueInfoProto) -> None:
    """Clear the dimensions of an input or output that only look as if they were known.

    paddle2onnx writes -1, and calls different ones '?'.
    """
    for dim in value.type.tensor_type.shape.dim:
        if dim.dim_param == "?" or (dim.HasField("dim_value") and dim.dim_value < 0):
            dim.Clear()


def _apply(value: ValueInfoProto, shape: Sequence[int], sizes: dict[str, int]) -> bool:
    """Give an input its shape, and `sizes` those of the dimensions that have a name.

    Returns whether the model said another one.
    """
    kind = value.type.tensor_type
    if not kind.HasField("shape"):
        kind.shape.dim.extend(TensorShapeProto.Dimension() for _ in shape)
    given = "x".join(map(str, shape))
    if len(shape) != len(kind.shape.dim) or min(shape, default=0) < 0:
        raise TilefoldError(
            f"input '{value.name}' has {len(kind.shape.dim)} dimensions: {given} does not fit"
        )
    declared = tuple(dim.dim_value or size for dim, size in zip(kind.shape.dim, shape, strict=True))
    for axis, (dim, size) in enumerate(zip(kind.shape.dim, shape, strict=True)):
        known = dim.dim_value if dim.HasField("dim_value") else sizes.get(dim.dim_param, size)
        if known not in (size, 0) and (axis == 1 or not dim.HasField("dim_value")):
            what = f"dimension {axis} ('{dim.dim_param}')" if dim.dim_param else f"dimension {axis}"
            raise TilefoldError(f"input '{value.name}' is given {given}, but {what} is {known}")
        if dim.dim_param:
            sizes[dim.dim_param] = size
        dim.dim_value = size
    return shape != declared


def _check_tensor(value: ValueInfoProto) -> None:
    """Raise TilefoldError unless an input is a tensor of numbers with a shape."""
    kind = value.type.tensor_type
    if not value.type.HasField("tensor_type"):
        raise TilefoldError(f"input '{value.name}' is no tensor; only tensors are supported")
    known = kind.elem_type in TensorProto.DataType.values()
    if not known or kind.elem_type in (TensorProto.UNDEFINED, TensorProto.STRING):
        name = TensorProto.DataType.Name(kind.elem_type).lower() if known else "of unknown type"
        raise TilefoldError(f"input '{value.name}' is {name}; only numbers are supported")
    if not kind.HasField("shape"):
        raise TilefoldError(
            f"input '{value.name}' has no static shape; give one (--shape {value.name}=1x3x224x224)"
        )


def _fix(value: ValueInfoProto, sizes: Mapping[str, int]) -> None:
    """Give the dimensions that are still dynamic their sizes."""
    kind = value.type.tensor_type
    for axis, dim in enumerate(kind.shape.dim):
        if dim.dim_param in sizes:
            dim.dim_value = sizes[dim.dim_param]
        elif axis == 0 and not dim.HasField("dim_value"):
            dim.dim_value = 1
        elif not dim.HasField("dim_value") or not dim.dim_value:
            what = f"'{dim.dim_param}'" if dim.dim_param else "unknown"
            known = [_size(number, dim, sizes) for number, dim in enumerate(kind.shape.dim)]
            raise TilefoldError(
                f"input '{value.name}' has a dynamic dimension {axis} ({what}); "
                f"give its shape (--shape {value.name}={'x'.join(known)})"
            )


def _size(axis: int, dim: TensorShapeProto.Dimension, sizes: Mapping[str, int]) -> str:
    """What is known of a dimension, for the example in a message."""
    if dim.HasField("dim_value") and dim.dim_value > 0:
        return str(dim.dim_value)
    default = "1" if axis == 0 else dim.dim_param.upper() or "N"
    return str(sizes.get(dim.dim_param, default))


def _reason(message: str) -> str:
    """One line from a message of ONNX's checker or shape inference."""
    spot = re.search(r"[Nn]ame: (\S+) OpType: (\S+)", message)
    spot = spot or re.search(r"op_type: ?(?P<op>\S+?), node name: (?P<name>[^)]+)\)", message)
    unknown = re.search(r"No Op registered for (\S+)", message)
    if unknown:
        detail = f"{unknown[1]} is not an ONNX operator of this operator set"
    else:
        detail = re.sub(r"\s*==> Context:.*", "", message, flags=re.DOTALL)
        detail = re.sub(r"(\(op_type:.*?)\(op_type:.*", r"\1", detail, flags=re.DOTALL)
        detail = re.sub(r"\[\w+Error\]|Inference error\(s\):|\(op_type:[^)]*\):", "", detail)
        detail = " ".join(detail.split())[:240]
    if spot is None:
        return f"not a valid model: {detail}"
    named = spot.groupdict()
    name, op_type = (named["name"], named["op"]) if named else spot.groups()
    return f"node '{name}' ({op_type}): {detail}"
