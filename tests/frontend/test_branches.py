"""Networks whose parts an input chooses: the part that samples choose is what is compiled."""

from pathlib import Path

import numpy as np
import pytest
import tilefold
from onnx import GraphProto, ModelProto, TensorProto, helper, numpy_helper
from tilefold.backend.package import Package
from tilefold.compiler import compile_network
from tilefold.errors import TilefoldError
from tilefold.frontend.loading import load
from tilefold.frontend.sampling import choosing_inputs, with_fixed
from tilefold.interpreters.onnx_session import OnnxSession
from tilefold.tools.tilefold import main

RATES = (8000, 16000)


def branch(rate: int, nested: bool = False) -> GraphProto:
    """A convolution of a row in a branch, in both under the same names, behind an If of its own."""
    rng = np.random.default_rng(rate)
    weight = rng.normal(size=(4, 3, rate // 4000 + 1)).astype(np.float32)
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1])]
    if nested:
        inner = helper.make_graph(
            [helper.make_node("Relu", ["c"], ["r"])],
            "inner",
            [],
            [helper.make_tensor_value_info("r", TensorProto.FLOAT, None)],
        )
        shape = helper.make_node("Size", ["w"], ["size"])
        nodes += [shape, helper.make_node("Cast", ["size"], ["some"], to=TensorProto.BOOL)]
        nodes.append(helper.make_node("If", ["some"], ["y"], then_branch=inner, else_branch=inner))
    else:
        nodes.append(helper.make_node("Neg", ["c"], ["y"]))
    return helper.make_graph(
        nodes,
        f"rate{rate}",
        [],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weight, "w")],
    )


def chosen(shape: tuple[int, ...] = ()) -> ModelProto:
    """A network with a part for each sampling rate."""
    graph = helper.make_graph(
        [
            helper.make_node("Equal", ["rate", "fast"], ["is_fast"], "compare"),
            helper.make_node(
                "If",
                ["is_fast"],
                ["z"],
                "choose",
                then_branch=branch(RATES[1], nested=True),
                else_branch=branch(RATES[0]),
            ),
        ],
        "chosen",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, "t"]),
            helper.make_tensor_value_info("rate", TensorProto.INT64, shape),
        ],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n", 4, "u"])],
        [numpy_helper.from_array(np.array(RATES[1]), "fast")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 16)], ir_version=8)


def samples(rate: int, shape: tuple[int, ...] = ()) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {
        "x": rng.normal(size=(6, 3, 40)).astype(np.float32),
        "rate": np.full((6, *shape), rate, np.int64),
    }


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("shape", [(), (1,)])
def test_the_part_that_samples_choose_is_compiled(rate: int, shape: tuple[int, ...]) -> None:
    model, arrays = chosen(shape), samples(rate, shape)
    package = tilefold.compile(model, "tiny", samples=arrays)
    assert isinstance(package, Package) and package.machine_share == 1
    inputs = {"x": arrays["x"][:1], "rate": arrays["rate"][0]}
    found = tilefold.emulate(package, inputs).outputs["z"]
    expected = OnnxSession(model).run(inputs)["z"]
    assert np.abs(found - expected).max() < 0.05 * np.abs(expected).max()
    np.testing.assert_array_equal(tilefold.emulate(package, {"x": inputs["x"]}).outputs["z"], found)


def test_another_part_is_refused(tmp_path: Path) -> None:
    compiled = compile_network(chosen(), "tiny", samples=samples(RATES[1]))
    compiled.package.save(tmp_path / "net.tfp")
    package = Package.load(tmp_path / "net.tfp")
    assert package.fixed == {"rate": RATES[1]}
    inputs = {"x": samples(0)["x"][:1], "rate": np.array(RATES[0])}
    with pytest.raises(TilefoldError, match="was compiled for 'rate' = 16000, as in all samples"):
        tilefold.emulate(package, inputs)


def test_what_the_samples_choose_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "net.onnx").write_bytes(chosen().SerializeToString())
    np.savez(tmp_path / "samples.npz", **samples(RATES[0]))
    arguments = ["compile", tmp_path / "net.onnx", "--calibrate", tmp_path / "samples.npz"]
    with pytest.raises(SystemExit, match="0"):
        main([*map(str, arguments), "-o", str(tmp_path / "net.tfp"), "--machine", "tiny"])
    out = capsys.readouterr().out
    assert ": net for tiny in 1 steps, 1 on the machine: 100.0% of the MACs" in out
    assert "for 'rate' = 8000 alone, as in all samples" in out


def test_branches_are_named_behind_their_if() -> None:
    model = with_fixed(chosen(), {"rate": RATES[1]})
    nodes = load(model, {"x": (1, 3, 40)}).nodes
    names = {"choose/Conv_0": "Conv", "choose/If_3/Relu_0": "Relu"}
    assert names.items() <= {node.name: node.op_type for node in nodes}.items()
    assert {node.op_type for node in nodes} == {"Conv", "Relu", "Identity"}


def test_only_integers_that_never_change_and_decide_are_fixed() -> None:
    model, arrays = chosen(), samples(RATES[0])
    assert choosing_inputs(model, arrays) == {"rate": RATES[0]}
    mixed = arrays | {"rate": np.array([*RATES, *RATES, *RATES])}
    assert choosing_inputs(model, mixed) == {}
    model.graph.node[1].input[0] = "always"
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "always"))
    assert choosing_inputs(model, arrays) == {}
