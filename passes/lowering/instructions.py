"""The instruction of each step: mnemonic and operands."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from xdsl.dialects.builtin import AffineMapAttr, FloatAttr, IntegerAttr
from xdsl.ir import SSAValue

from ...dialects import schedule
from ...dialects.isa_operands import Affine, Dim, ElementType, Operand, Ring, View
from ...dialects.location import name_of
from ...errors import TilefoldError
from .state import numbers

Operands = Mapping[str, Operand]


def affine(origin: AffineMapAttr, indices: Sequence[SSAValue]) -> list[Affine]:
    """The results of an affine map as functions of loop levels."""
    levels = [_level(index) for index in indices]
    zeros = [0] * len(levels)
    constants = origin.data.eval(zeros, [])
    steps = [
        origin.data.eval([int(i == position) for i in range(len(levels))], [])
        for position in range(len(levels))
    ]
    return [
        Affine.of(
            constant,
            {level: step[row] - constant for level, step in zip(levels, steps, strict=True)},
        )
        for row, constant in enumerate(constants)
    ]


def _level(counter: SSAValue) -> int:
    loop = counter.owner.parent_op()
    assert isinstance(loop, schedule.ForOp)
    return len(schedule.loops_around(loop))


def _address(op: schedule.TensorOp | schedule.BufferOp) -> int:
    if op.address is None:
        raise TilefoldError(f"{name_of(op)}: has no address; run schedule-allocate first")
    return op.address.value.data


def tensor_view(memory: str, view: schedule.ViewingOp, tensor: SSAValue, tile: SSAValue) -> View:
    """The global view of a tile of a tensor."""
    whole, offset = schedule.place_of(tensor)
    box = schedule.box_of(tile)
    dims = zip(
        affine(view.origin, view.counters),
        box.sizes,
        numbers(view.extents),
        numbers(view.strides),
        strict=True,
    )
    address = _address(whole) + offset
    return View(memory, address, None, box.element_type, False, tuple(Dim(*dim) for dim in dims))


def tile_view(tile: SSAValue) -> View:
    """The view of a whole tile: of a buffer a local one, nothing clipped; of a window its own."""
    op = tile.owner
    if isinstance(op, schedule.WindowOp):
        tensor, _ = schedule.place_of(op.tensor)
        assert tensor.memory is not None
        return tensor_view(tensor.memory.data, op, op.tensor, tile)
    buffer = tile
    assert isinstance(op, schedule.BufferOp)
    depth = op.depth.value.data
    level = len(schedule.ring_loops(schedule.writer_of(buffer)))
    ring = Ring(depth, op.slot_bytes, level) if depth > 1 else None
    dims = tuple(Dim.whole(*dim) for dim in zip(op.box.sizes, op.strides, strict=True))
    return View(op.memory.data, _address(op), ring, op.box.element_type, True, dims)


def clipped(view: View, place: schedule.PlacingOp) -> View:
    """A view of a tile of which only what lies in its logical tensor is real."""
    if not view.local:
        return view
    starts = affine(place.origin, place.counters)
    dims = [
        replace(dim, origin=start, extent=extent)
        for dim, start, extent in zip(view.dims, starts, numbers(place.extents), strict=True)
    ]
    return replace(view, dims=tuple(dims))


def _three_dims(view: View) -> View:
    """Rows, columns and channels: the dimension of a single group is dropped."""
    if len(view.dims) == 4:
        return replace(view, dims=(*view.dims[:2], view.dims[3]))
    return view


def instruction(step: schedule.StepOp, dram: str) -> tuple[str, Operands]:
    """Mnemonic and operands of a step's instruction."""
    match step:
        case schedule.LoadOp():
            mnemonic, operands = "load", _load(step, dram)
        case schedule.StoreOp():
            mnemonic, operands = "store", _store(step, dram)
        case schedule.ConvOp():
            mnemonic, operands = "conv", _conv(step)
        case schedule.DepthwiseOp():
            mnemonic, operands = "dwconv", _depthwise(step)
        case schedule.AddOp():
            mnemonic, operands = "vadd", _add(step)
        case schedule.MulOp():
            mnemonic, operands = "vmul", _mul(step)
        case schedule.LutOp():
            mnemonic, operands = "vlut", _lut(step)
        case schedule.RequantizeOp():
            mnemonic, operands = "vquant", _requantize(step)
        case schedule.PoolOp():
            mnemonic, operands = "vpool", _pool(step)
        case _:
            raise AssertionError(f"{step.name} has no instruction")
    return mnemonic, {"unit": step.queue, **operands}


def _values(step: schedule.StepOp, *names: str) -> Operands:
    """Integer and float properties as operands of the same names."""
    values: dict[str, Operand] = {}
    for name in names:
        value = step.properties[name]
        if isinstance(value, IntegerAttr):
            values[name] = value.value.data
        else:
            values[name] = cast(FloatAttr[Any], value).value.data
    return values


def _pair(names: tuple[str, str], values: Sequence[int]) -> Operands:
    return dict(zip(names, values, strict=True))


def _load(step: schedule.LoadOp, dram: str) -> Operands:
    source = tensor_view(dram, step, step.tensor, step.buffer)
    return {"src": source, "dst": tile_view(step.buffer), **_values(step, "pad")}


def _store(step: schedule.StoreOp, dram: str) -> Operands:
    target = tensor_view(dram, step, step.tensor, step.buffer)
    return {"src": tile_view(step.buffer), "dst": target}


def _target(step: schedule.ComputeOp) -> View:
    return clipped(tile_view(step.target), step)


def _source(buffer: SSAValue) -> View:
    return clipped(tile_view(buffer), schedule.placed_by(buffer))


def _channels_clipped(buffer: SSAValue) -> View:
    """An input tile whose channels end where the tensor's do.

    The padding around it counts as data in a buffer; around a window there is none, which counts as
    `src_zero`.
    """
    whole, clip = tile_view(buffer), _source(buffer)
    return _three_dims(replace(whole, dims=(*whole.dims[:-1], clip.dims[-1])))


def _convolving(step: schedule.ConvOp | schedule.DepthwiseOp) -> Operands:
    block, target = tile_view(step.weights), _three_dims(_target(step))
    source = _channels_clipped(step.source)
    k, c = target.sizes[-1], source.sizes[-1]
    ky, kx = numbers(step.kernel)
    sizes = (k, ky, kx, c) if isinstance(step, schedule.ConvOp) else (k, ky, kx)
    element = ElementType(step.weight_type.data)
    box = schedule.BufferType(sizes, element)
    words = replace(block, type=ElementType.I32, dims=(Dim.whole(k, 3), Dim.whole(3, 1)))
    weights = replace(
        block,
        base=block.base + k * schedule.PARAMETER_BYTES,
        type=element,
        dims=tuple(Dim.whole(*dim) for dim in zip(sizes, box.strides, strict=True)),
    )
    return {
        "src": source,
        "wgt": weights,
        "par": words,
        "dst": target,
        **_pair(("stride_y", "stride_x"), numbers(step.strides)),
        **_pair(("dil_y", "dil_x"), numbers(step.dilations)),
        **_values(step, "src_zero", "dst_zero", "lo", "hi"),
    }


def _conv(step: schedule.ConvOp) -> Operands:
    loops = len(schedule.loops_around(step))
    return {
        **_convolving(step),
        "reduce": frozenset(range(loops - step.reduction_loops, loops)),
    }


def _depthwise(step: schedule.DepthwiseOp) -> Operands:
    return {
        **_convolving(step),
        "mult": step.multiplier.value.data,
        "reduce": frozenset[int](),
    }


def _pair_of(step: schedule.BinaryOp) -> Operands:
    return {"a": tile_view(step.lhs), "b": tile_view(step.rhs), "dst": _target(step)}


def _add(step: schedule.AddOp) -> Operands:
    return {**_pair_of(step), **_values(step, "ra", "rb", "fix", "lo", "hi")}


def _mul(step: schedule.MulOp) -> Operands:
    return {**_pair_of(step), **_values(step, "a_zero", "b_zero", "m", "dst_zero", "lo", "hi")}


def _lut(step: schedule.LutOp) -> Operands:
    return {
        "src": tile_view(step.source),
        "table": tile_view(step.table),
        "dst": _target(step),
    }


def _requantize(step: schedule.RequantizeOp) -> Operands:
    return {
        "src": tile_view(step.source),
        "par": tile_view(step.params),
        "dst": _target(step),
        **_values(step, "src_zero", "dst_zero", "lo", "hi"),
    }


def _pool(step: schedule.PoolOp) -> Operands:
    return {
        "src": _source(step.source),
        "dst": _target(step),
        "kind": schedule.POOL_KINDS.index(step.kind.data),
        **_pair(("kernel_y", "kernel_x"), numbers(step.kernel)),
        **_pair(("stride_y", "stride_x"), numbers(step.strides)),
        **_pair(("dil_y", "dil_x"), numbers(step.dilations)),
        **_values(step, "src_zero", "dst_zero", "src_scale", "dst_scale", "lo", "hi"),
        "include_pad": int(bool(step.include_pad)),
    }
