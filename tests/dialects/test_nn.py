"""Building `nn` operations from Python, and networks as a whole."""

import numpy as np
import pytest
from tilefold.dialects import nn
from tilefold.dialects.nn_network import network_of, set_names
from tilefold.dialects.nn_types import accumulator_type, element_of, shape_of
from tilefold.dialects.quant import UniformType
from tilefold.dialects.store import Store
from tilefold.errors import TilefoldError
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, ModuleOp, TensorType, f32
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, SSAValue
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.test_value import create_ssa_value

U8 = UniformType.per_tensor(8, False, 0.5, 3)
I8 = UniformType.per_tensor(8, True, 0.25)


def value(element: Attribute, *shape: int) -> SSAValue:
    return create_ssa_value(TensorType(element, shape))


def test_shapes_are_inferred() -> None:
    x = value(U8, 1, 4, 8, 9)
    ops = {
        (1, 6, 4, 5): nn.ConvOp(
            x, value(I8, 6, 2, 3, 3), None, U8, strides=(2, 2), pads=(1, 1, 1, 1), groups=2
        ),
        (1, 4, 8, 5): nn.MatmulOp(x, value(I8, 9, 5), None, U8, clamp=(0, 9)),
        (1, 4, 8, 9): nn.AddOp(x, value(U8, 4, 1, 1), I8),
        (1, 4, 4, 4): nn.MaxPoolOp(x, (2, 2), strides=(2, 2)),
        (1, 4, 9, 10): nn.AvgPoolOp(x, U8, (2, 2), pads=(1, 1, 1, 1), count_include_pad=True),
        (1, 4, 1, 1): nn.GlobalAvgPoolOp(x, I8),
        (1, 8, 8, 9): nn.ConcatOp([x, x], U8, 1),
        (1, 288): nn.ReshapeOp(x, (1, 288)),
        (1, 8, 9, 4): nn.TransposeOp(x, (0, 2, 3, 1)),
        (1, 8, 4, 9): nn.RearrangeOp(x, (1, 4, 4, 2, 9), (0, 3, 1, 2, 4), (1, 8, 4, 9)),
        (1, 4, 16, 27): nn.RepeatOp(x, (1, 1, 2, 3)),
        (1, 4, 8, 12): nn.PadOp(x, (0, 0, 0, 1), (0, 0, 0, 2)),
    }
    for shape, op in ops.items():
        op.verify()
        assert shape_of(op.results[0]) == shape


def test_large_constants_go_to_the_store() -> None:
    store = Store()
    small = nn.ConstantOp(np.zeros(256, np.int8), I8)
    assert isinstance(small.value, DenseIntOrFPElementsAttr)
    with pytest.raises(ValueError, match="a constant of 257 bytes needs a store"):
        nn.ConstantOp(np.zeros(257, np.int8), I8)
    array = np.arange(-128, 129).astype(np.int8)
    large = nn.ConstantOp(array, I8, store)
    large.verify()
    np.testing.assert_array_equal(large.array(store), array)
    with pytest.raises(TilefoldError, match="constants are in a store, which was not given"):
        large.array()


@pytest.mark.parametrize(
    ("array", "element"),
    [
        (np.array([[-8, 7]], np.int8), UniformType.per_tensor(4, True, 1)),
        (np.array([0, 255], np.uint8), U8),
        (np.array([-(2**31), 2**31 - 1], np.int32), UniformType.per_tensor(32, True, 1)),
    ],
)
def test_small_constants(array: np.ndarray, element: UniformType) -> None:
    op = nn.ConstantOp(array, element)
    op.verify()
    np.testing.assert_array_equal(op.array(), array)
    assert op.array().dtype == array.dtype


def test_tables_are_indexed_by_bytes() -> None:
    narrow = UniformType.per_tensor(2, True, 1)
    table = np.zeros(256, np.uint8)
    table[[0, 1, 254, 255]] = 10, 11, 12, 13
    op = nn.LutOp(value(narrow, 4), U8, table)
    op.verify()
    assert op.table.get_values() == (10, 11, 12, 13)
    codes, results = op.codes()
    assert codes.tolist() == [-2, -1, 0, 1]
    assert results.tolist() == [12, 13, 10, 11]
    assert op.entries.tolist() == [10, 11, 12, 13] * 64


def test_accumulators_have_the_product_of_the_scales() -> None:
    per_axis = UniformType.per_axis(8, True, 0, [0.1, 0.3])
    kind = accumulator_type(U8, per_axis, 1)
    assert kind.axis == 1
    products = np.float32([0.1, 0.3]) * np.float32(0.5)
    np.testing.assert_array_equal(kind.scales(), products)
    raw = nn.ConvOp(value(U8, 1, 1, 2, 2), value(per_axis, 2, 1, 1, 1), None, kind)
    raw.verify()
    assert raw.is_raw
    tiny = UniformType.per_tensor(8, True, 1e-40)
    with pytest.raises(VerifyException, match="is not a positive"):
        accumulator_type(UniformType.per_tensor(8, True, 1e-10), tiny, 1)


def test_scales_follow_their_axis() -> None:
    weight = value(UniformType.per_axis(8, True, 0, [0.5, 0.25]), 2, 3, 1, 1)
    moved = nn.TransposeOp(weight, (1, 2, 3, 0))
    flat = nn.ReshapeOp(weight, (2, 3))
    for op, axis in ((moved, 3), (flat, 0)):
        op.verify()
        assert element_of(op.result).axis == axis
    with pytest.raises(VerifyException, match="breaks up axis 0"):
        nn.ReshapeOp(weight, (3, 2)).verify()


def test_networks_have_names() -> None:
    function = FuncOp("main", ([TensorType(f32, [1])] * 2, []))
    function.body.block.add_op(ReturnOp(*function.args))
    function.update_function_type()
    module = ModuleOp([function])
    assert network_of(module).input_names == ("input0", "input1")
    set_names(module, "pair", ["a", "b"], ["c", "d"])
    network = network_of(module)
    assert (network.name, network.input_names, network.output_names) == (
        "pair",
        ("a", "b"),
        ("c", "d"),
    )
    assert network.inputs == network.outputs == tuple(function.args)
    set_names(module, "pair", ["a", "a"], ["c", "d"])
    with pytest.raises(TilefoldError, match="input names a, a are not unique"):
        network_of(module)
    with pytest.raises(TilefoldError, match="it is not a network"):
        network_of(ModuleOp([]))
