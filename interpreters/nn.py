"""The reference interpreter of `nn`: plain numpy, one kernel call an operation.

It says what a network computes; compiled programs are checked against it. The numbers are those of
`interpreters.kernels`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import ReturnOp
from xdsl.interpreter import Interpreter, InterpreterFunctions, impl, register_impls
from xdsl.ir import Operation, SSAValue
from xdsl.utils.exceptions import InterpretationError, VerifyException

from ..dialects import nn
from ..dialects.location import name_of
from ..dialects.nn_network import network_of
from ..dialects.nn_types import element_of, shape_of, tensor_of
from ..dialects.quant import UniformType
from ..dialects.store import Store
from ..errors import TilefoldError
from . import kernels

Array = npt.NDArray[Any]
Arguments = tuple[Any, ...]
Results = tuple[Array]


@register_impls
@dataclass
class NnFunctions(InterpreterFunctions):
    """How each `nn` operation computes its result; large constants come from `store`."""

    store: Store

    @impl(nn.ConstantOp)
    def constant(self, _: Interpreter, op: nn.ConstantOp, __: Arguments) -> Results:
        """The stored integers."""
        return (op.array(self.store),)

    @impl(nn.QuantizeOp)
    def quantize(self, _: Interpreter, op: nn.QuantizeOp, args: Arguments) -> Results:
        """To stored integers."""
        y = element_of(op.result)
        codes = kernels.quantise(args[0], y.scale, y.zero_point, y.qmin, y.qmax)
        return (codes.astype(y.numpy_dtype),)

    @impl(nn.DequantizeOp)
    def dequantize(self, _: Interpreter, op: nn.DequantizeOp, args: Arguments) -> Results:
        """To float32."""
        x = element_of(op.input)
        scales = along(x.scales(self.store), x.axis, args[0].ndim)
        zeros = along(x.zero_points(self.store), x.axis, args[0].ndim)
        return (kernels.dequantise(args[0], scales, zeros),)

    @impl(nn.ConvOp)
    def conv(self, _: Interpreter, op: nn.ConvOp, args: Arguments) -> Results:
        """Convolve and requantise."""
        acc = kernels.conv(
            args[0],
            args[1],
            args[2] if op.bias is not None else None,
            x_zero=element_of(op.input).zero_point,
            w_zeros=element_of(op.weight).zero_points(self.store),
            strides=op.strides.get_values(),
            pads=op.pads.get_values(),
            dilations=op.dilations.get_values(),
            groups=op.groups.value.data,
        )
        return self._product(op, acc)

    @impl(nn.MatmulOp)
    def matmul(self, _: Interpreter, op: nn.MatmulOp, args: Arguments) -> Results:
        """Multiply and requantise."""
        acc = kernels.matmul(
            args[0],
            args[1],
            args[2] if op.bias is not None else None,
            x_zero=element_of(op.input).zero_point,
            w_zeros=element_of(op.weight).zero_points(self.store),
        )
        return self._product(op, acc)

    def _product(self, op: nn.ProductOp, acc: kernels.Int32Array) -> Results:
        op.check_stored_scales(self.store)
        if op.is_raw:
            return (acc,)
        y = element_of(op.result)
        scales = element_of(op.weight).scales(self.store)
        m = kernels.product_multiplier(element_of(op.input).scale, scales, y.scale)
        codes = kernels.requantise(
            acc, along(m, op.channel_axis, acc.ndim), y.zero_point, *op.bounds
        )
        return (codes.astype(y.numpy_dtype),)

    @impl(nn.RequantizeOp)
    def requantize(self, _: Interpreter, op: nn.RequantizeOp, args: Arguments) -> Results:
        """To another scale."""
        x, y = element_of(op.input), element_of(op.result)
        m = along(x.scales(self.store) / y.scale, x.axis, args[0].ndim)
        zero = 0 if x.is_accumulator else x.zero_point
        codes = kernels.requantise(args[0].astype(np.int32) - zero, m, y.zero_point, *op.bounds)
        return (codes.astype(y.numpy_dtype),)

    @impl(nn.AddOp)
    def add(self, _: Interpreter, op: nn.AddOp, args: Arguments) -> Results:
        """Add and requantise."""
        return (of_pairs(op, *args),)

    @impl(nn.MulOp)
    def mul(self, _: Interpreter, op: nn.MulOp, args: Arguments) -> Results:
        """Multiply and requantise."""
        return (of_pairs(op, *args),)

    @impl(nn.MaxPoolOp)
    def max_pool(self, _: Interpreter, op: nn.MaxPoolOp, args: Arguments) -> Results:
        """Largest of each window."""
        options = (op.kernel, op.strides, op.pads, op.dilations)
        return (kernels.max_pool(args[0], *(option.get_values() for option in options)),)

    @impl(nn.AvgPoolOp)
    def avg_pool(self, _: Interpreter, op: nn.AvgPoolOp, args: Arguments) -> Results:
        """Mean of each window."""
        x, y = element_of(op.input), element_of(op.result)
        options = (op.kernel, op.strides, op.pads)
        codes = kernels.average_pool(
            args[0],
            *(option.get_values() for option in options),
            count_include_pad=bool(op.count_include_pad.value.data),
            x_scale=x.scale,
            x_zero=x.zero_point,
            y_scale=y.scale,
            y_zero=y.zero_point,
            lo=y.qmin,
            hi=y.qmax,
        )
        return (codes.astype(y.numpy_dtype),)

    @impl(nn.GlobalAvgPoolOp)
    def global_avg_pool(self, _: Interpreter, op: nn.GlobalAvgPoolOp, args: Arguments) -> Results:
        """Mean of each channel."""
        x, y = element_of(op.input), element_of(op.result)
        codes = kernels.global_average_pool(
            args[0],
            x_scale=x.scale,
            x_zero=x.zero_point,
            y_scale=y.scale,
            y_zero=y.zero_point,
            lo=y.qmin,
            hi=y.qmax,
        )
        return (codes.astype(y.numpy_dtype),)

    @impl(nn.ConcatOp)
    def concat(self, _: Interpreter, op: nn.ConcatOp, args: Arguments) -> Results:
        """Rescale and put side by side."""
        y = element_of(op.result)
        parts = [
            kernels.look_up(arg, kernels.rescale_table(element_of(value), y), y.numpy_dtype)
            for arg, value in zip(args, op.inputs, strict=True)
        ]
        return (np.concatenate(parts, op.axis.value.data),)

    @impl(nn.LutOp)
    def lut(self, _: Interpreter, op: nn.LutOp, args: Arguments) -> Results:
        """Look up."""
        return (kernels.look_up(args[0], op.entries, element_of(op.result).numpy_dtype),)

    @impl(nn.ReshapeOp)
    def reshape(self, _: Interpreter, op: nn.ReshapeOp, args: Arguments) -> Results:
        """Reshape."""
        return (args[0].reshape(shape_of(op.result)),)

    @impl(nn.TransposeOp)
    def transpose(self, _: Interpreter, op: nn.TransposeOp, args: Arguments) -> Results:
        """Permute the axes."""
        return (np.ascontiguousarray(args[0].transpose(op.perm.get_values())),)

    @impl(nn.RearrangeOp)
    def rearrange(self, _: Interpreter, op: nn.RearrangeOp, args: Arguments) -> Results:
        """Split, permute and join the axes."""
        moved = args[0].reshape(op.split.get_values()).transpose(op.perm.get_values())
        return (np.ascontiguousarray(moved).reshape(shape_of(op.result)),)

    @impl(nn.RepeatOp)
    def repeat(self, _: Interpreter, op: nn.RepeatOp, args: Arguments) -> Results:
        """Repeat along each axis."""
        result = args[0]
        for axis, times in enumerate(op.repeats.get_values()):
            result = np.repeat(result, times, axis)
        return (result,)

    @impl(nn.PadOp)
    def pad(self, _: Interpreter, op: nn.PadOp, args: Arguments) -> Results:
        """Pad with the zero point."""
        widths = list(zip(op.low.get_values(), op.high.get_values(), strict=True))
        zero = element_of(op.input).zero_point
        return (np.pad(args[0], widths, constant_values=zero),)

    @impl(nn.SliceOp)
    def slice(self, _: Interpreter, op: nn.SliceOp, args: Arguments) -> Results:
        """Cut out."""
        box = zip(op.starts.get_values(), op.sizes.get_values(), strict=True)
        return (args[0][tuple(slice(start, start + size) for start, size in box)],)


def of_pairs(op: nn.BinaryOp, lhs: Array, rhs: Array) -> Array:
    """What `op` makes of stored integers of its operands' types, which broadcast."""
    a, b, y = element_of(op.lhs), element_of(op.rhs), element_of(op.result)
    if isinstance(op, nn.MulOp):
        m = kernels.multiplier(a.scale, b.scale, y.scale)
        zeros = a.zero_point, b.zero_point
        codes = kernels.mul(lhs, rhs, *zeros, m, y.zero_point, *op.bounds)
    else:
        parameters = kernels.add_parameters(
            a.scale, a.zero_point, b.scale, b.zero_point, y.scale, y.zero_point
        )
        codes = kernels.add(lhs, rhs, *parameters, *op.bounds)
    return codes.astype(y.numpy_dtype)


def along(values: Array, axis: int | None, rank: int) -> Array:
    """`values` [n] shaped to broadcast along `axis` of a tensor of `rank` dimensions."""
    shape = [1] * rank
    if axis is not None:
        shape[axis] = values.size
    return values.reshape(shape)


def interpreter_of(module: ModuleOp, store: Store | None = None) -> Interpreter:
    """An interpreter of the `nn` operations of `module`, for `evaluate`."""
    interpreter = Interpreter(module)
    interpreter.register_implementations(NnFunctions(store or Store()))
    return interpreter


def evaluate(interpreter: Interpreter, op: Operation, arguments: Sequence[Array]) -> Array:
    """The result of `op`; TilefoldError naming the layer where it cannot be computed."""
    try:
        (result,) = interpreter.run_op(op, tuple(arguments))
    except (OverflowError, VerifyException, InterpretationError) as error:
        raise TilefoldError(f"layer {name_of(op) or op.name}: {error}") from error
    return result


def run(
    module: ModuleOp,
    inputs: Mapping[str, Array],
    store: Store | None = None,
    record: bool = False,
) -> dict[str, Array]:
    """The outputs of the network in `module` by name; with `record`, all layers' results too.

    A layer of several operations is recorded with the result of its last one. TilefoldError where
    `inputs` do not fit the network's or a layer cannot be computed.
    """
    network = network_of(module)
    interpreter = interpreter_of(module, store)
    values: dict[SSAValue, Array] = {}
    recorded: dict[str, Array] = {}
    for name, value in zip(network.input_names, network.inputs, strict=True):
        values[value] = checked_input(name, value, inputs)
    for op in network.function.body.block.ops:
        if isinstance(op, ReturnOp):
            break
        result = evaluate(interpreter, op, [values[operand] for operand in op.operands])
        values[op.results[0]] = recorded[name_of(op)] = result
    outputs = {
        name: values[value]
        for name, value in zip(network.output_names, network.outputs, strict=True)
    }
    return recorded | outputs if record else outputs


def checked_input(name: str, value: SSAValue, inputs: Mapping[str, Array]) -> Array:
    """The array for the argument `value`; TilefoldError where it is missing or does not fit."""
    if name not in inputs:
        raise TilefoldError(f"input {name} is missing; there are {', '.join(inputs) or 'none'}")
    element = tensor_of(value).element_type
    dtype = element.numpy_dtype if isinstance(element, UniformType) else np.dtype(np.float32)
    array = inputs[name]
    if array.dtype != dtype or array.shape != shape_of(value):
        raise TilefoldError(
            f"input {name} is {array.dtype}{list(array.shape)}, "
            f"the network takes {dtype}{list(shape_of(value))}"
        )
    return array
