"""The interpreter of `nn`: inputs, outputs, records and errors."""

import numpy as np
import pytest
from tilefold.dialects.nn import Nn
from tilefold.dialects.quant import Quant
from tilefold.dialects.store import Store
from tilefold.errors import TilefoldError
from tilefold.interpreters.nn import run
from xdsl.context import Context
from xdsl.dialects.builtin import Builtin, ModuleOp
from xdsl.dialects.func import Func
from xdsl.parser import Parser

HEADER = """
!f = tensor<1x4xf32>
!x = tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<4x2x!quant.uniform<i8:f32:1, {0.5, 0.25}>>
!y = tensor<1x2x!quant.uniform<i8:f32, 2.0:1>>
!a = tensor<1x2x!quant.uniform<i32:f32:1, {0.25, 0.125}>>
"""

NETWORK = """
builtin.module attributes {nn.network = "small"} {
  func.func @main(%f: !f {nn.name = "in"})
      -> (tensor<1x2xf32> {nn.name = "out"}, tensor<1x2xf32> {nn.name = "raw"}) {
    %x = nn.quantize %f : (!f) -> !x loc("boundary")
    %w = nn.constant dense<[[1, 2], [3, 4], [5, 6], [7, 8]]> : tensor<4x2xi8> -> !w loc("weight")
    %b = nn.constant dense<[10, -10]> : tensor<2xi32> -> tensor<2xi32> loc("bias")
    %a = nn.matmul %x, %w, %b : (!x, !w, tensor<2xi32>) -> !a loc("product")
    %y = nn.requantize %a : (!a) -> !y loc("product")
    %o = nn.dequantize %y : (!y) -> tensor<1x2xf32> loc("end")
    %r = nn.dequantize %a : (!a) -> tensor<1x2xf32> loc("raw end")
    func.return %o, %r : tensor<1x2xf32>, tensor<1x2xf32>
  }
}
"""


def parse(text: str, header: str = HEADER) -> ModuleOp:
    context = Context()
    for dialect in (Builtin, Func, Nn, Quant):
        context.load_dialect(dialect)
    module = Parser(context, header + text).parse_module()
    module.verify()
    return module


def test_a_network_by_hand() -> None:
    # Codes are 2 * x + 3 less the zero point 3: 2, 4, 6, 8.
    image = np.array([[1, 2, 3, 4]], np.float32)
    outputs = run(parse(NETWORK), {"in": image}, record=True)
    sums = np.array([[2 + 12 + 30 + 56 + 10, 4 + 16 + 36 + 64 - 10]])
    np.testing.assert_array_equal(outputs["raw"], sums * [0.25, 0.125])
    # 110 / 8 = 13.75 and 110 / 16 = 6.875, rounded, plus 1.
    np.testing.assert_array_equal(outputs["product"], [[15, 8]])
    np.testing.assert_array_equal(outputs["out"], [[28, 14]])
    np.testing.assert_array_equal(outputs["boundary"], [[5, 7, 9, 11]])
    assert set(run(parse(NETWORK), {"in": image})) == {"out", "raw"}


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "input in is missing; there are none"),
        ({"image": np.zeros(3)}, "input in is missing; there are image"),
        ({"in": np.zeros((1, 4))}, r"input in is float64\[1, 4\], the network takes float32"),
        ({"in": np.zeros((4,), np.float32)}, r"the network takes float32\[1, 4\]"),
    ],
)
def test_inputs_that_do_not_fit(inputs: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(TilefoldError, match=message):
        run(parse(NETWORK), inputs)


def test_overflow_names_the_layer() -> None:
    text = NETWORK.replace("dense<[10, -10]>", "dense<[2147483647, 0]>")
    with pytest.raises(TilefoldError, match=r"layer product: an accumulator leaves .* int32"):
        run(parse(text), {"in": np.full((1, 4), 9, np.float32)})


def test_stored_scales_of_accumulators_are_checked() -> None:
    """The verifier cannot see scales that are in the store; the interpreter does."""
    store = Store()
    scales = np.linspace(0.1, 2, 20, dtype=np.float32)
    weight = store.put(np.ones((4, 20), np.int8))
    text = f"""
    !w = tensor<4x20x!quant.uniform<i8:f32:1, stored "{store.put(scales)}">>
    !a = tensor<1x20x!quant.uniform<i32:f32:1, stored "DIGEST">>
    builtin.module {{
      func.func @main(%x: tensor<1x4x!quant.uniform<u8:f32, 0.5>>) -> !a {{
        %w = nn.constant #nn.stored<"{weight}"> -> !w
        %a = nn.matmul %x, %w : (tensor<1x4x!quant.uniform<u8:f32, 0.5>>, !w) -> !a loc("product")
        func.return %a : !a
      }}
    }}
    """
    inputs = {"input0": np.ones((1, 4), np.uint8)}
    right, wrong = (store.put(scales * np.float32(factor)) for factor in (0.5, 0.25))
    module = parse(text.replace("DIGEST", right), header="")
    assert run(module, inputs, store)["output0"].tolist() == [[4] * 20]
    with pytest.raises(TilefoldError, match="layer product: the scale of the i32 result"):
        run(parse(text.replace("DIGEST", wrong), header=""), inputs, store)


def test_a_module_that_is_no_network() -> None:
    with pytest.raises(TilefoldError, match=r"no func\.func @main"):
        run(parse("builtin.module {}"), {})


def test_a_store_without_the_weights() -> None:
    text = NETWORK.replace(
        "dense<[[1, 2], [3, 4], [5, 6], [7, 8]]> : tensor<4x2xi8>",
        '#nn.stored<"0123456789abcdef0123456789abcdef">',
    )
    with pytest.raises(TilefoldError, match="the store has no array 0123456789abcdef"):
        run(parse(text), {"in": np.zeros((1, 4), np.float32)})
    store = Store()
    digest = store.put(np.zeros((2, 4), np.int8))
    with pytest.raises(TilefoldError, match=r"constant weight: the stored array is int8\[2, 4\]"):
        run(
            parse(text.replace("0123456789abcdef" * 2, digest)),
            {"in": np.zeros((1, 4), np.float32)},
            store,
        )
