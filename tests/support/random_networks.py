"""Random small quantised networks for property tests, built as `nn` modules.

Operators, shapes, widths and scales are drawn at random; a result's scale is chosen from the range
that its real values have for the network's own random inputs, so that results are rarely constant
and often saturate a little. The reference interpreter gives these values as the network grows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
from tilefold.dialects import nn
from tilefold.dialects.location import set_name
from tilefold.dialects.nn_network import set_names
from tilefold.dialects.nn_shapes import window_shape
from tilefold.dialects.nn_types import accumulator_type, element_of, shape_of
from tilefold.dialects.quant import UniformType, storage_range
from tilefold.dialects.store import Store
from tilefold.interpreters import kernels
from tilefold.interpreters.nn import along, evaluate, interpreter_of
from xdsl.dialects.builtin import ModuleOp, TensorType, f32, i32
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.utils.exceptions import VerifyException

Array = npt.NDArray[Any]
Draw = Callable[["_Network", SSAValue], SSAValue]

MAX_ELEMENTS = 2500
MAX_CHANNELS = 20
MAX_PRODUCTS = 400_000
"""Multiplications of one convolution: what tests can afford."""

FUNCTIONS: Sequence[Callable[[Array], Array]] = (
    lambda x: np.maximum(x, 0),
    lambda x: np.clip(x, -1, 1),
    lambda x: (1 + np.tanh(x / 2)) / 2,
    lambda x: x * np.clip(x + 3, 0, 6) / 6,
    np.tanh,
    np.abs,
)


@dataclass
class _Network:
    """A network as it grows; `values` are the arrays of all values so far.

    Drawing an operator raises VerifyException where none fits; nothing is added then.
    """

    rng: Random
    store: Store
    block: Block
    numbers: np.random.Generator
    narrow: bool
    values: dict[SSAValue, Array] = field(default_factory=dict[SSAValue, Array])
    activations: list[SSAValue] = field(default_factory=list[SSAValue])

    def __post_init__(self) -> None:
        self._interpreter = interpreter_of(ModuleOp([]), self.store)
        self._names = 0

    def evaluated(self, op: Operation) -> Array:
        """What `op` computes here; it need not be part of the network."""
        op.verify()
        return evaluate(self._interpreter, op, [self.values[v] for v in op.operands])

    def add(self, op: Operation) -> SSAValue:
        """Append `op` and evaluate it."""
        name = op.name.removeprefix("nn.")
        self._names += 1
        set_name(op, f"{name}{self._names}")
        value = self.evaluated(op)
        self.block.add_op(op)
        self.values[op.results[0]] = value
        return op.results[0]

    def reals(self, value: SSAValue) -> Array:
        """The real numbers that a value stands for."""
        return self.reals_of(self.values[value], element_of(value))

    def reals_of(self, codes: Array, kind: UniformType) -> Array:
        """The real numbers that stored integers stand for."""
        scales = along(kind.scales(self.store), kind.axis, codes.ndim)
        zeros = along(kind.zero_points(self.store), kind.axis, codes.ndim)
        return kernels.dequantise(codes, scales, zeros)

    def width(self) -> int:
        """Bits of an activation or weight."""
        return self.rng.choice((2, 3, 4, 4, 5, 6, 7, 8)) if self.narrow else 8

    def kind(self, reals: Array) -> UniformType:
        """An activation type whose range about fits `reals`."""
        rng = self.rng
        bits, signed = self.width(), rng.random() < 0.5
        qmin, qmax = storage_range(bits, signed)
        low, high = min(0.0, float(reals.min())), max(0.0, float(reals.max()))
        scale = np.float32(max(high - low, 1e-3) / (qmax - qmin) * rng.uniform(0.6, 1.3))
        zero = round(qmin - low / float(scale)) if rng.random() < 0.8 else 0
        return UniformType.per_tensor(bits, signed, scale, min(max(zero, qmin), qmax))

    def clamp(self, kind: UniformType) -> list[int] | None:
        """Bounds for a result, often none."""
        if self.rng.random() < 0.6:
            return None
        return sorted(self.rng.randint(kind.qmin, kind.qmax) for _ in range(2))

    def weight(self, shape: Sequence[int], axis: int) -> SSAValue:
        """A constant weight: any width and sign, one scale or one per channel, zero points."""
        rng = self.rng
        bits, signed = self.width(), rng.random() < 0.8
        low, high = storage_range(bits, signed)
        count = shape[axis] if rng.random() < 0.6 else 1
        scales = self.numbers.uniform(0.005, 0.05, count)
        zeros = np.zeros(count, np.int32) if signed else np.full(count, (high + 1) // 2)
        if rng.random() < 0.4:
            zeros = self.numbers.integers(low, high + 1, count)
        if count > 1 or shape[axis] == 1:
            kind = UniformType.per_axis(bits, signed, axis, scales, zeros, self.store)
        else:
            kind = UniformType.per_tensor(bits, signed, scales[0], int(zeros[0]))
        codes = self.numbers.integers(low, high + 1, shape).astype(kind.numpy_dtype)
        return self.add(nn.ConstantOp(codes, kind, self.store))

    def bias(self, x: UniformType, w: UniformType, channels: int, size: int) -> SSAValue | None:
        """A constant bias about as large as sums of `size` products, or none."""
        if self.rng.random() < 0.3:
            return None
        spread = 20 * (2 ** (x.bits - 8)) * (2 ** (w.bits - 2)) * max(1, size) ** 0.5
        codes = self.numbers.normal(0, spread, channels).astype(np.int32)
        kind = i32 if self.rng.random() < 0.5 else accumulator_type(x, w, 0, self.store)
        return self.add(nn.ConstantOp(codes, kind, self.store))


def _conv(net: _Network, x: SSAValue) -> SSAValue:
    """Dense, grouped or depthwise; any window, stride, dilation and padding."""
    rng, shape = net.rng, _image(x)
    channels = shape[1]
    divisors = [d for d in range(1, channels + 1) if channels % d == 0]
    groups = rng.choice((1, 1, rng.choice(divisors), channels))
    outputs = groups * rng.randint(1, max(1, (MAX_CHANNELS if groups == 1 else 16) // groups))
    kernel, strides, dilations, pads = _window(rng, shape, 5, 2)
    rows, columns = window_shape(shape[2:], kernel, strides, pads, dilations)
    _require(rows * columns * outputs * channels // groups * prod(kernel) <= MAX_PRODUCTS)
    _require(rows * columns * outputs <= MAX_ELEMENTS)
    weight = net.weight((outputs, channels // groups, *kernel), 0)
    size = channels // groups * prod(kernel)
    bias = net.bias(element_of(x), element_of(weight), outputs, size)

    def build(kind: UniformType, clamp: list[int] | None = None) -> nn.ConvOp:
        return nn.ConvOp(
            x, weight, bias, kind, strides=strides, pads=pads, dilations=dilations,
            groups=groups, clamp=clamp,
        )  # fmt: skip

    return _product(net, x, weight, 1, build)


def _matmul(net: _Network, x: SSAValue) -> SSAValue:
    shape = shape_of(x)
    _require(2 <= len(shape) <= 4)
    outputs = net.rng.randint(1, MAX_CHANNELS)
    weight = net.weight((shape[-1], outputs), 1)
    bias = net.bias(element_of(x), element_of(weight), outputs, shape[-1])

    def build(kind: UniformType, clamp: list[int] | None = None) -> nn.MatmulOp:
        return nn.MatmulOp(x, weight, bias, kind, clamp=clamp)

    return _product(net, x, weight, len(shape) - 1, build)


def _matmul_of_two(net: _Network, x: SSAValue) -> SSAValue:
    """By any other activation, as a matrix of as many rows as there are columns."""
    shape = shape_of(x)
    _require(2 <= len(shape) <= 4)
    fitting = [y for y in net.activations if prod(shape_of(y)) % shape[-1] == 0]
    other = net.rng.choice(fitting or [x])
    size = prod(shape_of(other))
    _require(size % shape[-1] == 0 and size // shape[-1] <= 2 * MAX_CHANNELS)
    weight = net.add(nn.ReshapeOp(other, (shape[-1], size // shape[-1])))

    def build(kind: UniformType, clamp: list[int] | None = None) -> nn.MatmulOp:
        return nn.MatmulOp(x, weight, None, kind, clamp=clamp)

    return _product(net, x, weight, len(shape) - 1, build)


def _product(
    net: _Network,
    x: SSAValue,
    weight: SSAValue,
    axis: int,
    build: Callable[..., nn.ConvOp | nn.MatmulOp],
) -> SSAValue:
    """Requantised to the range of the sums, or raw."""
    raw_kind = accumulator_type(element_of(x), element_of(weight), axis, net.store)
    raw = build(raw_kind)
    choice = net.rng.random()
    if choice < 0.07:
        return net.add(raw)
    reals = net.reals_of(net.evaluated(raw), raw_kind)
    if choice < 0.14:
        kind = net.kind(reals)
        return net.add(nn.RequantizeOp(net.add(raw), kind, clamp=net.clamp(kind)))
    raw.erase()
    kind = net.kind(reals)
    return net.add(build(kind, net.clamp(kind)))


def _requantize(net: _Network, x: SSAValue) -> SSAValue:
    kind = net.kind(net.reals(x))
    return net.add(nn.RequantizeOp(x, kind, clamp=net.clamp(kind)))


def _add(net: _Network, x: SSAValue) -> SSAValue:
    """The same shape, a broadcast one, a constant, or twice the same."""
    rng, shape = net.rng, shape_of(x)
    same = [value for value in net.activations if shape_of(value) == shape]
    other = rng.choice(same)
    if rng.random() < 0.5:
        small = [1 if rng.random() < 0.5 else size for size in shape]
        small = small[rng.randint(0, len(small) - 1) :] if rng.random() < 0.3 else small
        kind = net.kind(net.reals(x))
        codes = net.numbers.integers(kind.qmin, kind.qmax + 1, small).astype(kind.numpy_dtype)
        other = net.add(nn.ConstantOp(codes, kind, net.store))
    if net.rng.random() < 0.5:
        kind = net.kind(net.reals(x) * net.reals(other))
        return net.add(nn.MulOp(x, other, kind, clamp=net.clamp(kind)))
    kind = net.kind(net.reals(x) + net.reals(other))
    return net.add(nn.AddOp(x, other, kind, clamp=net.clamp(kind)))


def _max_pool(net: _Network, x: SSAValue) -> SSAValue:
    kernel, strides, dilations, pads = _window(net.rng, _image(x), 3, 2)
    return net.add(nn.MaxPoolOp(x, kernel, strides=strides, pads=pads, dilations=dilations))


def _avg_pool(net: _Network, x: SSAValue) -> SSAValue:
    kernel, strides, _, pads = _window(net.rng, _image(x), 4, 1)
    include = net.rng.random() < 0.5
    options = {"strides": strides, "pads": pads, "count_include_pad": include}
    mean = nn.AvgPoolOp(x, element_of(x), kernel, **options)
    kind = net.kind(net.reals_of(net.evaluated(mean), element_of(x)))
    mean.erase()
    return net.add(nn.AvgPoolOp(x, kind, kernel, **options))


def _global_avg_pool(net: _Network, x: SSAValue) -> SSAValue:
    _image(x)
    return net.add(nn.GlobalAvgPoolOp(x, net.kind(net.reals(x).mean((2, 3)))))


def _concat(net: _Network, x: SSAValue) -> SSAValue:
    """Two or three inputs that differ along one axis, with and without rescaling."""
    rng, shape = net.rng, shape_of(x)
    axis = rng.randrange(1, len(shape))

    def rest(value: SSAValue) -> tuple[int, ...]:
        sizes = shape_of(value)
        return (*sizes[:axis], *sizes[axis + 1 :]) if len(sizes) == len(shape) else ()

    fitting = [value for value in net.activations if rest(value) == rest(x)]
    inputs = [x, *(rng.choice(fitting) for _ in range(rng.randint(1, 2)))]
    rng.shuffle(inputs)
    kind = rng.choice([element_of(value) for value in inputs])
    if rng.random() < 0.5:
        kind = net.kind(np.concatenate([net.reals(value) for value in inputs], axis))
    return net.add(nn.ConcatOp(inputs, kind, axis))


def _lut(net: _Network, x: SSAValue) -> SSAValue:
    if net.rng.random() < 0.3:
        kind = net.kind(net.reals(x))
        codes = net.numbers.integers(kind.qmin, kind.qmax + 1, 256).astype(kind.numpy_dtype)
        return net.add(nn.LutOp(x, kind, codes.view(np.uint8)))
    function = net.rng.choice(FUNCTIONS)
    kind = net.kind(function(net.reals(x)))
    table = kernels.lut_from_chain(element_of(x), (function,), kind)
    return net.add(nn.LutOp(x, kind, table))


def _reshape(net: _Network, x: SSAValue) -> SSAValue:
    """Any factors of the number of elements, the first being 1."""
    rest, shape = prod(shape_of(x)), [1]
    for _ in range(net.rng.randint(0, 3)):
        shape.append(net.rng.choice([d for d in range(1, rest + 1) if rest % d == 0]))
        rest //= shape[-1]
    return net.add(nn.ReshapeOp(x, [*shape, rest]))


def _transpose(net: _Network, x: SSAValue) -> SSAValue:
    axes = list(range(1, len(shape_of(x))))
    net.rng.shuffle(axes)
    return net.add(nn.TransposeOp(x, [0, *axes]))


def _rearrange(net: _Network, x: SSAValue) -> SSAValue:
    """Depth to space, space to depth, or any split axes in any order."""
    rng, shape = net.rng, shape_of(x)
    split: list[int] = []
    for size in shape:
        part = rng.choice([d for d in range(1, size + 1) if size % d == 0])
        split += [part, size // part] if len(split) < 5 else [size]
    axes = list(range(1, len(split)))
    rng.shuffle(axes)
    _require(split[0] == 1)
    sizes = [split[axis] for axis in axes]
    cut = sorted(rng.randint(0, len(sizes)) for _ in range(min(2, len(shape) - 2)))
    ends = zip([0, *cut], [*cut, len(sizes)], strict=True)
    joined = [1, *(prod(sizes[low:high]) for low, high in ends)]
    return net.add(nn.RearrangeOp(x, split, [0, *axes], joined))


def _repeat(net: _Network, x: SSAValue) -> SSAValue:
    repeats = [1, *(net.rng.choice((1, 1, 2, 3)) for _ in shape_of(x)[1:])]
    _require(prod(shape_of(x)) * prod(repeats) <= MAX_ELEMENTS)
    return net.add(nn.RepeatOp(x, repeats))


def _pad(net: _Network, x: SSAValue) -> SSAValue:
    rng, rank = net.rng, len(shape_of(x))
    low, high = ([0, *(rng.choice((0, 0, 1, 2)) for _ in range(rank - 1))] for _ in range(2))
    return net.add(nn.PadOp(x, low, high))


def _slice(net: _Network, x: SSAValue) -> SSAValue:
    """A box of it, most often a run of rows."""
    rng, shape = net.rng, shape_of(x)
    rows = 2 if len(shape) == 4 else 1
    sizes = [
        rng.randint(1, size) if axis == rows or (axis > 0 and rng.random() < 0.2) else size
        for axis, size in enumerate(shape)
    ]
    starts = [rng.randint(0, size - part) for size, part in zip(shape, sizes, strict=True)]
    return net.add(nn.SliceOp(x, starts, sizes))


OPERATORS: Mapping[Draw, int] = {
    _conv: 14,
    _matmul: 3,
    _matmul_of_two: 2,
    _add: 4,
    _max_pool: 4,
    _avg_pool: 4,
    _global_avg_pool: 2,
    _concat: 4,
    _lut: 2,
    _reshape: 2,
    _transpose: 2,
    _rearrange: 2,
    _repeat: 2,
    _pad: 2,
    _slice: 3,
    _requantize: 1,
}
"""What is drawn how often."""


def _require(holds: bool) -> None:
    if not holds:
        raise VerifyException("does not fit here")


def _image(x: SSAValue) -> tuple[int, ...]:
    _require(len(shape_of(x)) == 4)
    return shape_of(x)


def _window(
    rng: Random, shape: Sequence[int], largest: int, dilation: int
) -> tuple[list[int], list[int], list[int], list[int]]:
    """Kernel, strides, dilations and pads of a window that fits rows and columns of `shape`."""
    pads = [rng.choice((0, 0, 1, 1, 2, 3)) for _ in range(4)] if rng.random() < 0.7 else [0] * 4
    dilations = [rng.randint(1, dilation) for _ in range(2)]
    room = [shape[2] + pads[0] + pads[2], shape[3] + pads[1] + pads[3]]
    kernel = [
        rng.randint(1, min(largest, (space - 1) // d + 1))
        for space, d in zip(room, dilations, strict=True)
    ]
    return kernel, [rng.choice((1, 1, 2, 3)) for _ in range(2)], dilations, pads


def _input(rng: Random) -> tuple[int, ...]:
    """The shape of an input: most often an image."""
    choice = rng.random()
    if choice < 0.12:
        return 1, rng.randint(1, 40)
    if choice < 0.24:
        return 1, rng.randint(1, 12), rng.randint(1, 16)
    return 1, rng.choice((1, 2, 3, 4, 5, 8, 12)), rng.randint(1, 12), rng.randint(1, 12)


def _add_input(net: _Network, host: bool) -> SSAValue:
    """An input, quantised by the host (from f32) or quantised already."""
    shape = _input(net.rng)
    reals = net.numbers.normal(net.rng.choice((0, 0, 0.5)), 1, shape).astype(np.float32)
    kind = net.kind(reals)
    argument = net.block.insert_arg(TensorType(f32 if host else kind, shape), len(net.block.args))
    net.values[argument] = reals
    if host:
        return net.add(nn.QuantizeOp(argument, kind))
    codes = net.numbers.integers(kind.qmin, kind.qmax + 1, shape)
    net.values[argument] = codes.astype(kind.numpy_dtype)
    return argument


def _grow(net: _Network, newest: float = 0.6) -> None:
    """Add one operator, on the newest value as often as that, else on any."""
    while True:
        x = net.activations[-1] if net.rng.random() < newest else net.rng.choice(net.activations)
        (draw,) = net.rng.choices(list(OPERATORS), list(OPERATORS.values()))
        last = net.block.last_op
        try:
            result = draw(net, x)
            _require(net.values[result].size <= MAX_ELEMENTS)
        except VerifyException:
            while net.block.last_op is not last:
                made = net.block.last_op
                assert made is not None
                made.detach()
                made.erase()
            continue
        if not element_of(result).is_accumulator:
            net.activations.append(result)
        return


def _outputs(net: _Network) -> list[SSAValue]:
    """All that nothing uses, and at times a value that something does."""
    results = [op.results[0] for op in net.block.ops if not isinstance(op, nn.ConstantOp)]
    leaves = [value for value in results if not value.uses]
    used = [v for v in results if v.uses and not isinstance(v.owner, nn.QuantizeOp)]
    if used and net.rng.random() < 0.3:
        leaves.append(net.rng.choice(used))
    if net.rng.random() < 0.5:
        return leaves
    return [net.add(nn.DequantizeOp(value)) for value in leaves]


def random_network(rng: Random, branches: bool = False) -> tuple[ModuleOp, Store, dict[str, Array]]:
    """A network of 1 to 6 operators, the store of its constants, and inputs to run it on.

    With `branches` it has 4 to 9, few of which follow each other.
    """
    function = FuncOp("main", ([], []))
    numbers = np.random.default_rng(rng.getrandbits(64))
    net = _Network(rng, Store(), function.body.block, numbers, narrow=rng.random() < 0.4)
    host = rng.random() < 0.5
    for _ in range(rng.choice((1, 1, 1, 2))):
        net.activations.append(_add_input(net, host))
    sources = list(net.activations)
    for _ in range(rng.randint(4, 9) if branches else rng.randint(1, 6)):
        _grow(net, *((0.2,) if branches else ()))
    for source in sources:
        if not source.uses:
            net.activations.append(_lut(net, source))
    outputs = _outputs(net)
    net.block.add_op(ReturnOp(*outputs))
    function.update_function_type()
    module = ModuleOp([function])
    names = [f"x{index}" for index in range(len(net.block.args))]
    set_names(module, "random", names, [f"y{index}" for index in range(len(outputs))])
    module.verify()
    return (
        module,
        net.store,
        dict(zip(names, (net.values[argument] for argument in net.block.args), strict=True)),
    )
