"""Checking a model, fixing its batch to 1 and inferring its shapes."""

import re

import onnx
from onnx import ModelProto, TensorProto, ValueInfoProto, inliner

from ..errors import TilefoldError


def checked(model: ModelProto, infer: bool = True) -> ModelProto:
    """The model after ONNX's own checks, with the shapes of its values when `infer`.

    Raises TilefoldError with the node's name and ONNX's reason in one line.
    """
    try:
        if infer:
            return onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
        onnx.checker.check_model(model)
        return inliner.inline_local_functions(model) if model.functions else model
    except (
        onnx.checker.ValidationError,
        onnx.shape_inference.InferenceError,
        RuntimeError,
        ValueError,
        TypeError,
    ) as error:
        raise TilefoldError(_reason(str(error))) from error


def with_batch_one(model: ModelProto) -> ModelProto:
    """The model with symbolic leading dimensions of its inputs set to 1; changed in place.

    Shapes noted in the model are dropped, so that inference starts from the inputs.
    """
    if model.graph.sparse_initializer:
        raise TilefoldError("sparse initializers are not supported; export dense weights")
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    for value in inputs:
        _fix_batch(value)
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    del model.graph.value_info[:]
    for value in model.graph.output:
        for dim in value.type.tensor_type.shape.dim:
            if dim.HasField("dim_param"):
                dim.Clear()
    return model


def _fix_batch(value: ValueInfoProto) -> None:
    kind = value.type.tensor_type
    if not value.type.HasField("tensor_type") or not kind.HasField("shape"):
        raise TilefoldError(f"input '{value.name}' has no static shape; export it with one")
    if kind.elem_type not in (TensorProto.FLOAT, TensorProto.UINT8, TensorProto.INT8):
        known = kind.elem_type in TensorProto.DataType.values()
        name = TensorProto.DataType.Name(kind.elem_type).lower() if known else "of unknown type"
        raise TilefoldError(f"input '{value.name}' is {name}; float, uint8 and int8 are supported")
    for axis, dim in enumerate(kind.shape.dim):
        if axis == 0 and not dim.HasField("dim_value"):
            dim.dim_value = 1
        elif not dim.HasField("dim_value") or dim.dim_value <= 0:
            what = f"'{dim.dim_param}'" if dim.dim_param else "unknown"
            raise TilefoldError(
                f"input '{value.name}' has a dynamic dimension {axis} ({what}); only the leading "
                "one may be dynamic: fix the others (onnxruntime.tools.make_dynamic_shape_fixed)"
            )
    if kind.shape.dim and kind.shape.dim[0].dim_value != 1:
        raise TilefoldError(
            f"input '{value.name}' has batch {kind.shape.dim[0].dim_value}; "
            "export the model with batch 1 or a symbolic one"
        )


def _reason(message: str) -> str:
    """One line from a message of ONNX's checker or shape inference."""
    spot = re.search(r"[Nn]ame: (\S+) OpType: (\S+)", message)
    spot = spot or re.search(r"op_type: ?(?P<op>\S+?), node name: (?P<name>[^)]+)\)", message)
    unknown = re.search(r"No Op registered for (\S+)", message)
    if unknown:
        detail = f"{unknown[1]} is not an ONNX operator of this operator set"
    else:
        detail = re.sub(r"\s*==> Context:.*", "", message, flags=re.DOTALL)
        detail = re.sub(r"\[\w+Error\]|Inference error\(s\):|\(op_type:[^)]*\):", "", detail)
        detail = " ".join(detail.split())[:240]
    if spot is None:
        return f"not a valid model: {detail}"
    named = spot.groupdict()
    name, op_type = (named["name"], named["op"]) if named else spot.groups()
    return f"node '{name}' ({op_type}): {detail}"
