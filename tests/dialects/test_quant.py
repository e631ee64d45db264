"""Quantised types: text and back, scales to the last bit, the store."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tilefold.dialects.quant import Quant, UniformType, all_codes, storage_range
from tilefold.dialects.store import Store
from xdsl.context import Context
from xdsl.dialects.builtin import Builtin
from xdsl.parser import Parser
from xdsl.utils.exceptions import VerifyException

SCALES = st.floats(min_value=0, exclude_min=True, width=32, allow_infinity=False)


def parse(text: str) -> UniformType:
    context = Context()
    context.load_dialect(Builtin)
    context.load_dialect(Quant)
    kind = Parser(context, text).parse_type()
    assert isinstance(kind, UniformType)
    return kind


@settings(deadline=None)
@given(st.integers(2, 8), st.booleans(), SCALES, st.data())
def test_per_tensor_round_trip(bits: int, signed: bool, scale: float, data: st.DataObject) -> None:
    zero_point = data.draw(st.integers(*storage_range(bits, signed)))
    kind = UniformType.per_tensor(bits, signed, scale, zero_point)
    again = parse(str(kind))
    assert again == kind
    assert again.scale == np.float32(scale)
    assert again.zero_point == zero_point


@settings(deadline=None)
@given(st.lists(st.tuples(SCALES, st.integers(-8, 7)), min_size=1, max_size=40), st.booleans())
def test_per_axis_round_trip(channels: list[tuple[float, int]], with_zeros: bool) -> None:
    store = Store()
    scales = np.array([scale for scale, _ in channels], np.float32)
    zeros = np.array([zero if with_zeros else 0 for _, zero in channels], np.int32)
    kind = UniformType.per_axis(4, True, 1, scales, zeros, store)
    again = parse(str(kind))
    assert again == kind
    assert again.axis == 1
    np.testing.assert_array_equal(again.scales(store), scales)
    np.testing.assert_array_equal(again.zero_points(store), zeros)
    assert (again.channels is None) == (len(channels) > 16)


def test_many_scales_need_a_store() -> None:
    with pytest.raises(ValueError, match="17 scales need a store"):
        UniformType.per_axis(8, True, 0, np.ones(17))
    kind = UniformType.per_axis(8, True, 0, np.ones(17), store=Store())
    with pytest.raises(ValueError, match="the scales are in the store, which was not given"):
        kind.scales()


def test_stored_scales_are_checked() -> None:
    with pytest.raises(VerifyException, match=r"scale 0\.0 is not"):
        UniformType.per_axis(8, True, 0, np.zeros(17), store=Store())
    store = Store()
    digest = store.put(np.zeros(17, np.float32))
    with pytest.raises(VerifyException, match=r"scale 0\.0 is not"):
        parse(f'!quant.uniform<i8:f32:0, stored "{digest}">').scales(store)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("inf"), float("nan"), 1e39, 1e-50])
def test_impossible_scales(scale: float) -> None:
    with pytest.raises(VerifyException, match="is not a positive, finite float32 number"):
        UniformType.per_tensor(8, False, scale)


def test_properties() -> None:
    kind = UniformType.per_tensor(3, True, 0.1, -2)
    assert (kind.bits, kind.signed, kind.qmin, kind.qmax, kind.axis) == (3, True, -4, 3, None)
    assert (kind.container_bits, kind.numpy_dtype) == (4, np.int8)
    assert UniformType.per_tensor(6, False, 0.1).numpy_dtype == np.uint8
    accumulator = UniformType.per_tensor(32, True, 0.1)
    assert accumulator.is_accumulator
    assert accumulator.numpy_dtype == np.int32
    per_axis = UniformType.per_axis(8, True, 0, [0.5, 0.25])
    with pytest.raises(ValueError, match="has a scale per channel"):
        _ = per_axis.scale
    with pytest.raises(ValueError, match="has a zero point per channel"):
        _ = per_axis.zero_point
    assert per_axis.with_axis(3).axis == 3


def test_all_codes() -> None:
    assert all_codes(UniformType.per_tensor(2, True, 1)).tolist() == [0, 1, -2, -1]
    assert all_codes(UniformType.per_tensor(2, False, 1)).tolist() == [0, 1, 2, 3]
    assert all_codes(UniformType.per_tensor(8, True, 1))[128] == -128
