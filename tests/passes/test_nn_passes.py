"""Passes on networks: no result changes by a bit, and every layer keeps its name."""

from dataclasses import dataclass
from random import Random

import numpy as np
import pytest
from tilefold.dialects import nn
from tilefold.dialects.location import set_name
from tilefold.dialects.nn_network import set_names
from tilefold.dialects.nn_types import accumulator_type
from tilefold.dialects.quant import UniformType
from tilefold.dialects.store import Store, StoreContext
from tilefold.errors import TilefoldError
from tilefold.interpreters.nn import run
from tilefold.passes.location import unlocated
from tilefold.passes.nn_canonicalize import NnCanonicalizePass
from tilefold.passes.nn_fold_constants import NnFoldConstantsPass
from tilefold.passes.nn_fuse import NnFusePass
from tilefold.passes.pipelines import run_passes
from tilefold.tests.support.random_networks import random_network
from xdsl.context import Context
from xdsl.dialects.builtin import UNKNOWN_LOC, ModuleOp, TensorType
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.passes import ModulePass
from xdsl.transforms.canonicalize import CanonicalizePass

PASSES = [NnFoldConstantsPass, NnFusePass, NnCanonicalizePass, CanonicalizePass]


def check_same(module: ModuleOp, store: Store, passes: list[type[ModulePass]], seed: int) -> None:
    """Run `module` before and after `passes` on random inputs and compare all outputs."""
    rng = np.random.default_rng(seed)
    function = next(op for op in module.ops if isinstance(op, FuncOp))
    inputs = {}
    for index, value in enumerate(function.args):
        assert isinstance(value.type, TensorType)
        element, shape = value.type.element_type, value.type.get_shape()
        if isinstance(element, UniformType):
            codes = rng.integers(element.qmin, element.qmax + 1, shape)
            inputs[f"x{index}"] = codes.astype(element.numpy_dtype)
        else:
            inputs[f"x{index}"] = rng.normal(size=shape).astype(np.float32)
    before = run(module, inputs, store)
    for kind in passes:
        kind().apply(StoreContext(store=store), module)
        module.verify()
    after = run(module, inputs, store)
    assert before.keys() == after.keys()
    for name, array in before.items():
        np.testing.assert_array_equal(array, after[name])
    assert not unlocated(module)


@pytest.mark.parametrize("seed", range(40))
def test_random_networks(seed: int) -> None:
    module, store, _ = random_network(Random(seed))
    check_same(module, store, PASSES, seed)


def unfused(rng: np.random.Generator, store: Store) -> ModuleOp:
    """A padded convolution, its requantisation and tables as an importer would leave them."""
    zero = int(rng.integers(0, 256))
    x = UniformType.per_tensor(8, False, 0.02, zero)
    w = UniformType.per_axis(8, True, 0, rng.uniform(0.001, 0.1, 20), store=store)
    y = UniformType.per_tensor(8, False, 0.5, int(rng.integers(0, 256)))
    function = FuncOp("main", ([TensorType(x, [1, 3, 7, 7])], []))
    block = function.body.block
    low, high = sorted(rng.integers(0, 256, 2))
    clamp = np.clip(np.arange(256), low, high).astype(np.uint8)
    ops = [
        weights := nn.ConstantOp(
            rng.integers(-128, 128, (3, 3, 3, 20)).astype(np.int8), w.with_axis(3), store
        ),
        weight := nn.TransposeOp(weights.result, (3, 0, 1, 2)),
        pad := nn.PadOp(block.args[0], (0, 0, 1, 2), (0, 0, 2, 0)),
        conv := nn.ConvOp(pad.result, weight.result, None, accumulator_type(x, w, 1, store)),
        narrow := nn.RequantizeOp(conv.result, y),
        relu := nn.LutOp(narrow.result, y, clamp),
        pads := nn.PadOp(relu.result, (0, 0, 1, 1), (0, 0, 0, 0)),
        pool := nn.MaxPoolOp(pads.result, (2, 2), strides=(2, 2)),
        first := nn.LutOp(pool.result, y, rng.integers(0, 256, 256).astype(np.uint8)),
        second := nn.LutOp(first.result, y, rng.integers(0, 256, 256).astype(np.uint8)),
        third := nn.RequantizeOp(second.result, UniformType.per_tensor(3, True, 7, -1)),
        flat := nn.ReshapeOp(third.result, (1, 20 * 16)),
        ReturnOp(flat.result),
    ]
    for index, op in enumerate(ops):
        set_name(op, f"layer{index}")
    block.add_ops(ops)
    function.update_function_type()
    module = ModuleOp([function])
    set_names(module, "unfused", ["x0"], ["y"])
    module.verify()
    return module


@pytest.mark.parametrize("seed", range(20))
def test_fusion(seed: int) -> None:
    store = Store()
    module = unfused(np.random.default_rng(seed), store)
    check_same(module, store, [NnFoldConstantsPass, NnFusePass], seed)
    names = [op.name for op in module.walk()]
    assert names.count("nn.lut") == 1
    assert "nn.requantize" not in names
    assert "nn.transpose" not in names
    assert names.count("nn.pad") <= 1


def test_folding_needs_a_store() -> None:
    with pytest.raises(TilefoldError, match="--store"):
        NnFoldConstantsPass().apply(Context(), ModuleOp([]))


@dataclass(frozen=True)
class ForgetfulPass(ModulePass):
    """Takes their locations from all operations."""

    name = "forgetful"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for inner in op.walk():
            inner.location = UNKNOWN_LOC


def test_a_pass_that_loses_a_layer_is_refused() -> None:
    module, store, _ = random_network(Random(1))
    run_passes([NnFusePass()], StoreContext(store=store), module)
    with pytest.raises(TilefoldError, match="forgetful: lost the layer name of nn"):
        run_passes([ForgetfulPass()], StoreContext(store=store), module)
