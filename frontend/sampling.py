"""What samples say of the inputs of a model: their shapes, and numbers that never change."""

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, ValueInfoProto, helper, numpy_helper

from .shapes import Shapes, inputs_of

Array = npt.NDArray[Any]


def by_input(model: ModelProto, arrays: Mapping[str, Array]) -> Mapping[str, Array]:
    """`arrays` by input name: a single one without its name will do for a single input."""
    inputs = inputs_of(model)
    if len(inputs) == len(arrays) == 1:
        return {inputs[0].name: next(iter(arrays.values()))}
    return arrays


def sampled_shapes(model: ModelProto, arrays: Mapping[str, Array], shapes: Shapes) -> Shapes:
    """`shapes`, and for other inputs those of one sample, where the model does not say its own.

    `arrays` are [n, ...] by input name. Samples lie behind one another along the first dimension,
    or along one of their own. The first dimension is a batch and becomes 1, but where inputs differ
    in it; and if it was fixed, the shape is the samples' whatever the model says.
    """
    inputs, arrays = inputs_of(model), by_input(model, arrays)
    declared = {value.name: _dimensions(value) for value in inputs}
    first = {shape[0] or 1 for shape in declared.values() if shape}
    fixed = len(first) == 1 and first != {1}
    found = dict(shapes)
    for name in set(declared) & set(arrays) - set(shapes):
        known, array = declared[name], arrays[name]
        if array.ndim > len(known):
            sample = array.shape[1:]
        else:
            sample = (1 if fixed else known[0] or 1, *array.shape[1:]) if known else ()
        if len(sample) == len(known):
            pairs = zip(known, sample, strict=True)
            found[name] = sample if fixed else tuple(known or size for known, size in pairs)
    return found


def _dimensions(value: ValueInfoProto) -> tuple[int, ...]:
    """The dimensions of an input, 0 where they are not known."""
    return tuple(max(dim.dim_value, 0) for dim in value.type.tensor_type.shape.dim)


def choosing_inputs(model: ModelProto, arrays: Mapping[str, Array]) -> dict[str, int]:
    """Inputs of one integer that decide an If and are the same in all samples, and these integers.

    Networks have such inputs to choose between parts of them: a sampling rate, a mode.
    """
    maker = {name: node for node in model.graph.node for name in node.output}
    wanted = [node.input[0] for node in model.graph.node if node.op_type == "If"]
    deciding = set[str]()
    while wanted:
        if (name := wanted.pop()) not in deciding:
            deciding.add(name)
            wanted += maker[name].input if name in maker else ()
    found: dict[str, int] = {}
    for value in inputs_of(model):
        array = by_input(model, arrays).get(value.name, np.zeros(0))
        one = prod(_dimensions(value)) == 1 and np.issubdtype(array.dtype, np.integer)
        if value.name in deciding and one and array.size and (array == array.flat[0]).all():
            found[value.name] = int(array.flat[0])
    return found


def with_fixed(model: ModelProto, values: Mapping[str, int]) -> ModelProto:
    """A copy of `model` with constants for the inputs in `values`."""
    copy = ModelProto()
    copy.CopyFrom(model)
    inputs = {value.name: value for value in copy.graph.input}
    for name, number in values.items():
        kind = inputs[name].type.tensor_type.elem_type
        shape = _dimensions(inputs[name])
        array = np.full(shape, number, helper.tensor_dtype_to_np_dtype(kind))
        copy.graph.initializer.append(numpy_helper.from_array(array, name))
        copy.graph.input.remove(inputs[name])
    return copy
