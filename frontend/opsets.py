"""Models of old operator sets, converted to a newer one."""

from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper, version_converter

from ..errors import TilefoldError

OLDEST_OPSET = 11
"""Earlier operator sets spell Clip, Pad and the pools in other ways."""

OLDEST_CONVERTED = 7
"""The oldest operator set that ONNX's own converter starts from."""

CONVERTED_OPSET = 13
"""What models of earlier operator sets are converted to; the first with scales by channel."""

MISTAKEN = ("Hardmax", "Scan")
"""Operators that the converter takes over as they are although they mean something else since."""


def modern(model: ModelProto, opset: int, oldest: int = OLDEST_OPSET) -> ModelProto:
    """`model`, of operator set `opset`, in one that is not older than `oldest` (11 to 13).

    Raises TilefoldError where it cannot be converted.
    """
    if opset >= oldest:
        return model
    try:
        return _converted(model, opset)
    except Exception as error:  # ONNX lets whatever C++ raises through
        reason = " ".join(str(error).split())[:160]
        raise TilefoldError(
            f"operator set {opset} is too old and cannot be converted ({reason}); "
            "export the model with opset 13 or later"
        ) from error


def _converted(model: ModelProto, opset: int) -> ModelProto:
    if opset < OLDEST_CONVERTED:
        raise TilefoldError(f"those from {OLDEST_CONVERTED} on can be")
    for node in model.graph.node:
        if node.op_type in MISTAKEN:
            raise TilefoldError(f"node '{node.name}': {node.op_type} has changed its meaning")
    resized = any(node.op_type == "Resize" for node in model.graph.node)
    converted = version_converter.convert_version(model, CONVERTED_OPSET)
    if opset >= OLDEST_OPSET:
        return converted
    constants = {tensor.name: tensor for tensor in converted.graph.initializer}
    for node in converted.graph.node:
        if node.op_type == "Constant":
            constants[node.output[0]] = node.attribute[0].t
        elif node.op_type == "Resize" and opset < OLDEST_OPSET:
            _spell_out(node, constants.get(node.input[2]), resized)
    return converted


def _spell_out(node: NodeProto, scales: TensorProto | None, resized: bool) -> None:
    """Say in `node` which pixel it takes, for it meant another one than Resize does since.

    Up to operator set 10 Resize and Upsample take the pixels around place / scale; the nearest of
    them is the one before, or, as onnxruntime has it, the one behind where a `resized` image
    shrinks.
    """
    modes = [attribute.s for attribute in node.attribute if attribute.name == "mode"]
    nearest = "floor"
    if resized and modes in ([], [b"nearest"]):
        if scales is None:
            raise TilefoldError(f"node '{node.name}': its scales are not constants")
        factors = numpy_helper.to_array(scales)
        if factors.min() < 1:
            nearest = "ceil"
            if factors.max() > 1:
                raise TilefoldError(f"node '{node.name}': it stretches one axis, shrinks another")
    for name, value in (
        ("coordinate_transformation_mode", "asymmetric"),
        ("nearest_mode", nearest),
    ):
        node.attribute.append(helper.make_attribute(name, value))
