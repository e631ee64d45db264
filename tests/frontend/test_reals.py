"""Networks of real numbers: in as `nn.onnx`, out as the same ONNX model, through text between."""

from io import StringIO

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from tilefold.compiler import context_for
from tilefold.dialects import nn
from tilefold.dialects.quant import UniformType
from tilefold.dialects.store import Store
from tilefold.errors import TilefoldError
from tilefold.frontend.reals import import_real
from tilefold.interpreters.onnx_model import onnx_model, value_names
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser
from xdsl.printer import Printer


def everything() -> onnx.ModelProto:
    """A model with attributes of all kinds, inputs left out, several outputs and a sub-graph."""
    rng = np.random.default_rng(0)
    branch = helper.make_graph(
        [helper.make_node("Neg", ["b"], ["n"], "neg")],
        "then",
        [],
        [helper.make_tensor_value_info("n", TensorProto.FLOAT, [1, 2, 6, 6])],
    )
    other = helper.make_graph(
        [helper.make_node("Abs", ["b"], ["m"], "abs")],
        "else",
        [],
        [helper.make_tensor_value_info("m", TensorProto.FLOAT, [1, 2, 6, 6])],
    )
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], "conv", pads=[1, 1, 1, 1], strides=[1, 1]),
        helper.make_node("Split", ["c"], ["a", "b"], "split", axis=1),
        helper.make_node("Clip", ["a", "", "six"], ["k"], "clip"),
        helper.make_node("LeakyRelu", ["b"], ["l"], "leaky", alpha=0.3),
        helper.make_node("ReduceMax", ["x"], ["top"], "top", keepdims=0),
        helper.make_node("Cast", ["top"], ["yes"], "cast", to=TensorProto.BOOL),
        helper.make_node("If", ["yes"], ["i"], "if", then_branch=branch, else_branch=other),
        helper.make_node("Sum", ["k", "l", "i"], ["y"], "sum"),
        helper.make_node("ArgMax", ["y"], ["best"], "argmax", axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "everything",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 6, 6])],
        [
            helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2, 6, 6]),
            helper.make_tensor_value_info("best", TensorProto.INT64, [1, 1, 6, 6]),
        ],
        [
            numpy_helper.from_array(rng.normal(size=(4, 3, 3, 3)).astype(np.float32), "w"),
            numpy_helper.from_array(np.float32(6), "six"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def reparsed(module: ModuleOp, store: Store) -> ModuleOp:
    text = StringIO()
    Printer(text, print_debuginfo=True).print_op(module)
    return Parser(context_for(store), text.getvalue()).parse_module()


def run(model: onnx.ModelProto, x: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {"x": x})


def test_the_model_comes_out_as_it_went_in() -> None:
    model, store = everything(), Store()
    written = onnx_model(reparsed(import_real(model, store), store), store)
    onnx.checker.check_model(written, full_check=True)
    names = [node.name for node in written.graph.node if node.op_type != "Identity"]
    assert names == [node.name for node in model.graph.node]
    assert [out.name for out in written.graph.output] == ["y", "best"]
    x = np.random.default_rng(1).normal(size=(1, 3, 6, 6)).astype(np.float32)
    for ours, theirs in zip(run(written, x), run(model, x), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_any_value_can_be_shown() -> None:
    store = Store()
    module = import_real(everything(), store)
    values = [op.outputs[0] for op in module.walk() if isinstance(op, nn.OnnxOp)]
    names = value_names(module)
    written = onnx_model(module, store, values)
    assert {out.name for out in written.graph.output} == {names[value] for value in values}
    x = np.random.default_rng(1).normal(size=(1, 3, 6, 6)).astype(np.float32)
    assert len(run(written, x)) == len(values)


@pytest.mark.parametrize(("bits", "signed"), [(8, True), (8, False), (5, True), (3, False)])
def test_quantised_values_are_in_the_qdq_form(bits: int, signed: bool) -> None:
    store = Store()
    module = import_real(everything(), store)
    conv = next(op for op in module.walk() if isinstance(op, nn.OnnxOp))
    element = UniformType.per_tensor(bits, signed, 0.05, 1)
    quantize = nn.QuantizeOp(conv.outputs[0], element)
    dequantize = nn.DequantizeOp(quantize.result)
    block = conv.parent_block()
    assert block is not None
    block.insert_ops_after([quantize, dequantize], conv)
    conv.outputs[0].replace_uses_with_if(
        dequantize.result, lambda use: use.operation is not quantize
    )
    written = onnx_model(module, store, [quantize.result])
    x = 4 * np.random.default_rng(1).normal(size=(1, 3, 6, 6)).astype(np.float32)
    codes = run(written, x)[-1]
    assert codes.dtype == element.numpy_dtype
    assert (codes.min(), codes.max()) == (element.qmin, element.qmax)


def test_integers_have_left_onnx_behind() -> None:
    store = Store()
    module = import_real(everything(), store)
    conv = next(op for op in module.walk() if isinstance(op, nn.OnnxOp))
    element = UniformType.per_tensor(8, True, 0.05)
    quantize = nn.QuantizeOp(conv.inputs[0], element)
    block = conv.parent_block()
    assert block is not None
    block.insert_ops_before([quantize, nn.ReshapeOp(quantize.result, [1, 108])], conv)
    with pytest.raises(TilefoldError, match=r"nn\.reshape computes on integers"):
        onnx_model(module, store)


def test_text_is_no_number() -> None:
    model = everything()
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.STRING
    with pytest.raises(TilefoldError, match="input 'x' is string"):
        import_real(model, Store())
