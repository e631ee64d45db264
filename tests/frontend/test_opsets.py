"""Old operator sets: converted models mean what they meant, by onnxruntime's account."""

import numpy as np
import onnxruntime
import pytest
import tilefold
from onnx import ModelProto, TensorProto, helper, numpy_helper
from tilefold.errors import TilefoldError
from tilefold.frontend.judge import Judge
from tilefold.frontend.loading import load
from tilefold.frontend.opsets import modern
from tilefold.tests.frontend import models as m
from tilefold.tests.frontend.models import Net

SHAPE = (1, 3, 7, 6)


def model_of(opset: int, kind: str, constants: dict[str, object], **attributes: object):
    """One node of `x` and constants."""
    arrays = [
        numpy_helper.from_array(np.asarray(value, np.float32), name)
        for name, value in constants.items()
    ]
    graph = helper.make_graph(
        [helper.make_node(kind, ["x", *constants], ["y"], "old", **attributes)],
        "old",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        arrays,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=4)


def result(model: ModelProto) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    x = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    return session.run(["y"], {"x": x})[0]


SCALES = ((1, 1, 2, 2), (1, 1, 1.5, 2.5), (1, 1, 1, 3), (1, 1, 0.6, 0.5), (1, 1, 0.3, 1))
CASES: list[tuple[int, str, dict[str, object], dict[str, object]]] = [
    *(
        (opset, kind, {"s": scales}, {"mode": mode})
        for opset, kind in ((9, "Upsample"), (10, "Resize"))
        for mode in ("nearest", "linear")
        for scales in SCALES
        if kind == "Resize" or min(scales) == 1
    ),
    (8, "Upsample", {}, {"mode": "linear", "scales": [1.0, 1.0, 2.0, 2.0]}),
    *(
        (opset, kind, {}, attributes)
        for opset in (7, 8, 9, 10)
        for kind, attributes in (
            ("Clip", {"min": -0.5}),
            ("Pad", {"pads": [0, 0, 1, 1, 0, 0, 2, 1], "value": 1.5}),
            ("Pad", {"mode": "reflect", "pads": [0, 0, 1, 1, 0, 0, 2, 1]}),
            ("Softmax", {"axis": 1}),
            ("LogSoftmax", {}),
            ("AveragePool", {"kernel_shape": [2, 2]}),
            ("MaxPool", {"kernel_shape": [2, 2]}),
            ("Squeeze", {"axes": [0]}),
            ("Unsqueeze", {"axes": [0, 2]}),
            ("ReduceSum", {"axes": [1], "keepdims": 0}),
            ("Flatten", {"axis": 2}),
            ("Dropout", {"ratio": 0.3}),
        )
    ),
    *((opset, "Slice", {}, {"axes": [2], "starts": [1], "ends": [-1]}) for opset in (7, 8, 9)),
]


@pytest.mark.parametrize(("opset", "kind", "constants", "attributes"), CASES)
def test_the_result_is_as_before(
    opset: int, kind: str, constants: dict[str, object], attributes: dict[str, object]
) -> None:
    model = model_of(opset, kind, constants, **attributes)
    expected = result(model)
    converted = modern(model, opset)
    assert converted.opset_import[0].version == 13
    np.testing.assert_array_equal(result(converted), expected)
    np.testing.assert_array_equal(
        tilefold.emulate(
            tilefold.compile(model, "tiny"),
            {"x": np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)},
        ).outputs["y"],
        expected,
    )


def test_quantised_models_of_opset_10_are_exact() -> None:
    model = m.qdq_conv(Net(np.random.default_rng(0), opset=10), per_channel=False, bias="")
    model.ir_version = 5
    program = tilefold.compile(model, "tiny", host=False)
    inputs = m.feeds(model, np.random.default_rng(1))
    expected = Judge(model).run(inputs)
    actual = tilefold.emulate(program, inputs).outputs
    assert all(np.array_equal(actual[name], values) for name, values in expected.items())


def test_nodes_keep_their_names() -> None:
    model = model_of(9, "Clip", {}, min=-1.0)
    assert [node.name for node in load(model).nodes] == ["old"]
    unnamed = [node.name for node in load(model_of(9, "Upsample", {"s": (1, 1, 2, 2)})).nodes]
    assert all(unnamed)


@pytest.mark.parametrize(
    ("opset", "kind", "message"),
    [
        (
            6,
            "Relu",
            r"operator set 6 is too old and cannot be converted \(those from 7 on can be\)",
        ),
        (9, "Hardmax", "node 'old': Hardmax has changed its meaning"),
        (10, "Resize", "node 'old': it stretches one axis, shrinks another"),
    ],
)
def test_what_cannot_be_converted_is_refused(opset: int, kind: str, message: str) -> None:
    constants = {"s": (1, 1, 2, 0.5)} if kind == "Resize" else {}
    with pytest.raises(TilefoldError, match=message) as caught:
        load(model_of(opset, kind, constants))
    assert str(caught.value).startswith("old: ") and "\n" not in str(caught.value)


def test_a_damaged_model_is_refused() -> None:
    model = model_of(9, "Relu", {})
    model.graph.node[0].input[0] = "nowhere"
    with pytest.raises(TilefoldError, match="old: "):
        load(model)
