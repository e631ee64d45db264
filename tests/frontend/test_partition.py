"""Networks cut into segments: which nodes go where and why, and that nothing is lost."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
import tilefold
from onnx import ModelProto, TensorProto
from tilefold.dialects.store import Store
from tilefold.errors import TilefoldError
from tilefold.frontend import import_model
from tilefold.frontend.importer import convert
from tilefold.frontend.judge import Judge
from tilefold.frontend.loading import load
from tilefold.frontend.partition import Partition, model_of, partition
from tilefold.interpreters.host_model import HostModel
from tilefold.interpreters.nn import run
from tilefold.tests.frontend import models as m
from tilefold.tests.support import mixed_networks as mixed
from tilefold.tests.support.mixed_networks import conv, net, quantised


def cut(model: ModelProto) -> Partition:
    return partition(load(model))


def sides(found: Partition) -> str:
    """M or H for each segment."""
    return "".join("M" if segment.on_machine else "H" for segment in found.segments)


def reasons(found: Partition) -> dict[str, str]:
    """Why each node of the host is there, but for what quantises."""
    return {
        node.name: node.reason
        for node in found.nodes
        if not node.on_machine and node.operator != "QuantizeLinear"
    }


@pytest.mark.parametrize("build", mixed.SHARED.values(), ids=mixed.SHARED)
def test_segments_are_models_of_their_own(build: Callable[[], ModelProto]) -> None:
    """Each passes ONNX's checks, and the machine's are imported again to the same numbers."""
    model = build()
    found = cut(model)
    rng = np.random.default_rng(1)
    values = m.feeds(model, rng) if build is mixed.zigzag else {}
    for segment in found.segments:
        part = model_of(segment.graph)
        onnx.checker.check_model(part, full_check=True)
        if not segment.on_machine:
            HostModel(segment.graph.name, part.SerializeToString())
            continue
        store, again = Store(), Store()
        module, other = convert(segment.graph, store), import_model(part, again)
        if values:
            feeds = {port.name: values[port.name] for port in segment.graph.inputs}
            expected, actual = run(module, feeds, store), run(other, feeds, again)
            assert all(np.array_equal(expected[name], actual[name]) for name in expected)
            break


@pytest.mark.parametrize("build", mixed.SHARED.values(), ids=mixed.SHARED)
def test_every_node_is_in_one_segment(build: Callable[[], ModelProto]) -> None:
    """What is not listed is done again where it is needed: constants and what dequantises."""
    model = build()
    found = cut(model)
    listed = [node.name for node in found.nodes]
    assert len(listed) == len(set(listed))
    names = {node.name: node.op_type for node in load(model).nodes}
    free = {"DequantizeLinear", "QuantizeLinear"}
    assert {names[name] for name in set(names) - set(listed)} <= free
    for node in found.nodes:
        graph = found.segments[node.step].graph
        assert node.name in {each.name for each in graph.nodes}
        assert found.segments[node.step].on_machine == node.on_machine
        assert bool(node.reason) != node.on_machine


def test_crossing_tensors_are_integers() -> None:
    """Float where the network itself is, bytes in between; a view crosses as its integers."""
    found = cut(mixed.zigzag())
    assert sides(found) == "MHMH"
    first, host, second, last = (segment.graph for segment in found.segments)
    assert [port.name for port in first.inputs] == ["x"]
    assert {port.element_type for port in first.outputs} == {TensorProto.UINT8}
    assert {port.element_type for port in (*host.inputs, *second.inputs)} == {TensorProto.UINT8}
    kinds = {port.name: port.element_type for port in host.outputs}
    assert kinds.pop("erf:0") == TensorProto.FLOAT
    assert set(kinds.values()) == {TensorProto.UINT8}
    assert [port.element_type for port in last.outputs] == [TensorProto.INT64]


def test_reasons_are_those_of_the_operators() -> None:
    found = cut(mixed.zigzag())
    why = reasons(found)
    assert why["erf"] == "operator LogSoftmax is not supported"
    assert why["host"].startswith("'erf:0' is computed in float; quantise it")
    assert reasons(cut(mixed.parts()))["softmax"] == "operator Softmax is not supported"
    assert [node.reason for node in found.nodes if node.operator == "QuantizeLinear"] == [
        "",
        "quantises what the host computes",
        "",
        "",
    ]


def test_products_are_counted() -> None:
    found = cut(mixed.zigzag())
    counted = {node.name: node.macs for node in found.nodes if node.macs}
    assert counted == {"first": 9 * 11 * 8 * 6 * 9, "second": 9 * 11 * 4 * 8 * 9}


def test_products_of_recurrent_layers_are_counted() -> None:
    """Each of 7 steps multiplies 5 inputs and 3 former results for each of 4 x 3 gates."""
    builder = net()
    x = quantised(builder, builder.input((1, 7, 5)))
    steps = builder.op("Transpose", x, perm=[1, 0, 2])
    matrices = [builder.constant(np.ones((1, 12, size), np.float32)) for size in (5, 3)]
    builder.output(builder.op("LSTM", steps, *matrices, name="lstm", hidden_size=3))
    (lstm,) = (node for node in cut(builder.model()).nodes if node.name == "lstm")
    assert not lstm.on_machine
    assert lstm.macs == 7 * 12 * (5 + 3)


def test_products_behind_computed_shapes_are_counted() -> None:
    """Pads that nodes compute are known only when these have been folded."""
    builder = net()
    x = quantised(builder, builder.input((1, 6, 5, 5)))
    parts = [builder.constant(np.array(pads, np.int32)) for pads in ([0, 0, 1, 1], [0, 0, 2, 2])]
    pads = builder.op("Cast", builder.op("Concat", *parts, axis=0), to=TensorProto.INT64)
    sin = builder.op("Softmax", builder.op("Pad", x, pads), name="sin")
    weight = builder.constant(np.ones((4, 6, 3, 3), np.float32))
    builder.output(builder.op("Conv", sin, weight, name="conv"))
    found = cut(builder.model())
    assert {node.name: node.macs for node in found.nodes}["conv"] == 6 * 6 * 4 * 6 * 9
    assert found.segments[0].graph.types[sin].shape == (1, 6, 8, 8)


def test_as_few_switches_as_possible() -> None:
    """Three branches of machine, host, machine: all of a side's work comes in one segment."""
    builder = net()
    x = quantised(builder, builder.input((1, 6, 5, 5)))
    for branch in range(3):
        first = quantised(builder, conv(builder, x, (6, 6), f"first{branch}"))
        host = quantised(builder, builder.op("Softmax", first, name=f"host{branch}"))
        builder.output(quantised(builder, conv(builder, host, (6, 6), f"second{branch}")))
    assert sides(cut(builder.model())) == "MHM"


def test_the_host_goes_first_where_that_saves_a_switch() -> None:
    builder = net()
    sin = builder.op("Softmax", builder.input((1, 6, 5, 5)), name="sin")
    builder.output(quantised(builder, conv(builder, quantised(builder, sin), (6, 6), "conv")))
    other = quantised(builder, builder.input((1, 6, 5, 5), "z"))
    builder.output(quantised(builder, conv(builder, other, (6, 6), "other")))
    assert sides(cut(builder.model())) == "HM"


def test_work_without_products_stays_between_host_nodes() -> None:
    builder = net()
    x = quantised(builder, builder.input((1, 6, 5, 5)))
    first = quantised(builder, conv(builder, x, (6, 6), "first"))
    sin = quantised(builder, builder.op("Softmax", first, name="sin"))
    pool = quantised(builder, builder.op("MaxPool", sin, name="pool", kernel_shape=[2, 2]))
    builder.output(builder.op("LogSoftmax", pool, name="erf"))
    found = cut(builder.model())
    assert sides(found) == "MH"
    assert "without products" in reasons(found)["pool"]


def test_a_sum_without_products_between_two_host_segments_stays_there() -> None:
    """It reads what the machine computes too, so it is the segment that is judged."""
    builder = net()
    x = quantised(builder, builder.input((1, 6, 5, 5)))
    first = quantised(builder, conv(builder, x, (6, 6), "first"))
    sin = quantised(builder, builder.op("Softmax", first, name="sin"))
    total = quantised(builder, builder.op("Add", first, sin, name="add"))
    builder.output(builder.op("LogSoftmax", total, name="erf"))
    found = cut(builder.model())
    assert sides(found) == "MH"
    assert "without products" in reasons(found)["add"]


def test_an_operator_whose_result_the_host_reads_in_float_goes_with_it() -> None:
    builder = net()
    x = quantised(builder, builder.input((1, 6, 5, 5)))
    first = quantised(builder, conv(builder, x, (6, 6), "first"))
    total = builder.op("Add", first, x, name="add")
    builder.output(builder.op("Softmax", builder.op("Relu", total, name="relu"), name="sin"))
    builder.output(quantised(builder, total))
    why = reasons(cut(builder.model()))
    assert why["relu"] == "node 'sin' (Softmax) reads its result unquantised on the host"
    assert why["add"] == "node 'relu' (Relu) reads its result unquantised on the host"


def test_functions_stay_with_what_quantises_them() -> None:
    """Relu of a view is a table of the QuantizeLinear behind it: both wait for the host."""
    builder = net()
    x = quantised(builder, builder.input((1, 6, 5, 5)))
    first = quantised(builder, conv(builder, x, (6, 6), "first"))
    sin = quantised(builder, builder.op("Softmax", first, name="sin"))
    left = quantised(builder, builder.op("Relu", first, name="relu"))
    total = quantised(builder, builder.op("Add", left, sin, name="add"))
    builder.output(quantised(builder, conv(builder, total, (6, 6), "second")))
    found = cut(builder.model())
    assert sides(found) == "MHM"
    steps = {node.name: node.step for node in found.nodes}
    quantise = next(node.name for node in load(builder.model()).nodes if "relu" in node.input(0))
    assert steps["relu"] == steps[quantise]


def test_the_host_quantises_its_inputs_itself() -> None:
    found = cut(mixed.shared_input())
    assert sides(found) == "MH"
    assert all([port.name for port in each.graph.inputs] == ["x"] for each in found.segments)


def test_behind_an_operator_of_onnxruntime_the_machine_goes_on() -> None:
    """ONNX does not infer its shapes; onnxruntime does."""
    found = cut(mixed.integer_form())
    assert sides(found) == "MHM"
    assert reasons(found) == {"softmax": "operator com.microsoft.QLinearSoftmax is not supported"}


def test_a_float_model_is_the_hosts() -> None:
    builder = net()
    weight = builder.constant(np.ones((4, 3, 3, 3), np.float32))
    result = builder.op("Conv", builder.input((1, 3, 8, 8)), weight, name="conv")
    builder.output(builder.op("Relu", result, name="relu"))
    found = cut(builder.model())
    assert sides(found) == "H"
    assert "quantise it first" in reasons(found)["conv"]


def test_narrow_integers_cross_in_bytes() -> None:
    builder = m.Net(np.random.default_rng(0), opset=21)
    builder.initializers.append(onnx.helper.make_tensor("four", TensorProto.UINT4, [], [7]))
    scale = builder.constant(np.float32(0.2))

    def narrow(value: str) -> str:
        stored = builder.op("QuantizeLinear", value, scale, "four")
        return builder.op("DequantizeLinear", stored, scale, "four")

    x = quantised(builder, builder.input((1, 6, 5, 5)))
    first = narrow(conv(builder, x, (6, 6), "first"))
    builder.output(builder.op("Softmax", first, name="sin"))
    found = cut(builder.model())
    assert sides(found) == "MH"
    assert [port.element_type for port in found.segments[1].graph.inputs] == [TensorProto.UINT8]


def test_a_fixed_batch_is_refused_where_the_machine_would_work() -> None:
    model = m.qdq_conv(net(), shape=(4, 6, 9, 11))
    with pytest.raises(TilefoldError, match="net: input 'x' has batch 4; export"):
        cut(model)
    assert sides(partition(load(model), batches=True)) == "H"


def test_what_is_the_hosts_alone_may_have_any_first_dimension() -> None:
    builder = net()
    boxes = builder.input((5, 4), "boxes")
    builder.output(builder.op("Softmax", boxes, name="sin"), rank=2)
    x = quantised(builder, builder.input((1, 6, 5, 5)))
    builder.output(quantised(builder, conv(builder, x, (6, 6), "conv")))
    assert sides(cut(builder.model())) == "MH"


def test_what_would_be_on_both_sides_of_the_host_goes_there() -> None:
    """A sum of integers of 4 bits, which cannot leave their program, and what comes back to it."""
    builder = net()
    x = quantised(builder, builder.input((1, 6, 5, 5)))
    codes = builder.quantize(x, mixed.SCALE, np.uint8(8))
    bounds = [builder.constant(np.array(end, np.uint8)) for end in (0, 15)]
    narrow = builder.dequantize(builder.op("Clip", codes, *bounds), mixed.SCALE, np.uint8(8))
    wide = quantised(builder, conv(builder, narrow, (6, 6), "conv"))
    host = quantised(builder, builder.op("Softmax", wide, name="softmax", axis=1))
    builder.output(quantised(builder, builder.op("Add", narrow, host, name="sum")))
    model = builder.model()
    found = cut(model)
    assert sides(found) == "HMH"
    assert reasons(found)["sum"].startswith("reads what the host makes")
    inputs = m.feeds(model, builder.rng)
    outputs = tilefold.emulate(tilefold.compile(model, "tiny"), inputs).outputs
    for name, value in Judge(model).run(inputs).items():
        np.testing.assert_array_equal(outputs[name], value)


def test_a_divisor_of_one_channel_is_a_number() -> None:
    """One number for the only channel is one for the tensor: a function as any other."""
    builder = net()
    x = quantised(builder, builder.input((1, 1, 5, 5)))
    weight, _ = builder.weight((4, 1, 3, 3), 0)
    divided = builder.op("Div", x, builder.constant(np.float32([1.7])), name="div")
    y = quantised(builder, builder.op("Erf", divided, name="erf"))
    builder.output(quantised(builder, builder.op("Conv", y, weight, name="conv")))
    assert sides(cut(builder.model())) == "M"
