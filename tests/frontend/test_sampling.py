"""Shapes of inputs as samples show them."""

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper
from tilefold.dialects.nn_network import network_of
from tilefold.dialects.store import Store
from tilefold.errors import TilefoldError
from tilefold.frontend.loading import load
from tilefold.frontend.reals import import_real
from tilefold.frontend.sampling import sampled_shapes
from tilefold.interpreters.samples import Samples

Shape = tuple[int | str | None, ...]


def model_of(shapes: dict[str, Shape]) -> ModelProto:
    """A model of one Relu for each input."""
    graph = helper.make_graph(
        [helper.make_node("Relu", [name], [f"{name}1"], f"relu_{name}") for name in shapes],
        "inputs",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, s) for name, s in shapes.items()],
        [
            helper.make_tensor_value_info(f"{name}1", TensorProto.FLOAT, s)
            for name, s in shapes.items()
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


@pytest.mark.parametrize(
    ("shapes", "samples", "found"),
    [
        ({"x": ("n", 3, "h", "w")}, {"x": zeros(5, 3, 8, 9)}, {"x": (1, 3, 8, 9)}),
        ({"x": (-1, 3, "?", "?")}, {"x": zeros(5, 3, 8, 9)}, {"x": (1, 3, 8, 9)}),
        ({"x": (None, 3, None, None)}, {"image": zeros(5, 3, 8, 9)}, {"x": (1, 3, 8, 9)}),
        ({"x": ("n", "t")}, {"x": zeros(5, 1, 40)}, {"x": (1, 40)}),
        # A fixed batch was the exporter's: all sizes were.
        ({"x": (10, 3, 32, 32)}, {"x": zeros(5, 3, 8, 9)}, {"x": (1, 3, 8, 9)}),
        # What differs is no batch.
        (
            {"x": ("n", "t"), "state": (2, "n", 4)},
            {"x": zeros(6, 40), "state": zeros(6, 2, 1, 4)},
            {"x": (1, 40), "state": (2, 1, 4)},
        ),
        (
            {"x": (1, "t"), "state": (2, 1, 4)},
            {"x": zeros(6, 40), "state": zeros(12, 1, 4)},
            {"x": (1, 40), "state": (2, 1, 4)},
        ),
    ],
)
def test_shapes_are_those_of_the_samples(
    shapes: dict[str, Shape], samples: dict[str, np.ndarray], found: dict[str, tuple[int, ...]]
) -> None:
    model = model_of(shapes)
    known = sampled_shapes(model, samples, {})
    assert {port.name: port.shape for port in load(model, known).inputs} == found
    network = network_of(import_real(model, Store(), known))
    given = Samples.of(samples, network)
    assert [{name: array.shape for name, array in row.items()} for row in given] == [found] * len(
        given
    )


def test_a_given_shape_comes_first() -> None:
    model, samples = model_of({"x": ("n", 3, "h", "w")}), {"x": zeros(5, 3, 8, 9)}
    assert sampled_shapes(model, samples, {"x": (1, 3, 4, 4)}) == {"x": (1, 3, 4, 4)}


def test_what_a_model_says_of_its_inputs_holds() -> None:
    model, samples = model_of({"x": (1, 3, 8, 8)}), {"x": zeros(5, 3, 8, 9)}
    network = network_of(import_real(model, Store(), sampled_shapes(model, samples, {})))
    with pytest.raises(TilefoldError, match=r"'x' is float32\[5, 3, 8, 9\], but must be"):
        Samples.of(samples, network)


def test_given_shapes_replace_fixed_sizes_but_no_channels() -> None:
    model = model_of({"x": (10, 3, 32, 32)})
    graph = load(model, {"x": (1, 3, 48, 64)})
    assert graph.outputs[0].shape == (1, 3, 48, 64)
    with pytest.raises(TilefoldError, match="input 'x' is given 1x4x48x64, but dimension 1 is 3"):
        load(model, {"x": (1, 4, 48, 64)})


def test_samples_stand_behind_one_another_or_are_stacked() -> None:
    model = model_of({"x": (1, 4), "state": (2, 1, 3), "rate": ()})
    network = network_of(import_real(model, Store()))
    x, state = np.arange(12.0).reshape(3, 4), np.arange(18.0).reshape(3, 2, 1, 3)
    whole = list(Samples.of({"x": x, "state": state, "rate": np.float32(7)}, network))
    behind = {"x": x[:, None], "state": state.reshape(6, 1, 3), "rate": np.full(3, 7.0)}
    for row, (one, other) in enumerate(zip(whole, Samples.of(behind, network), strict=True)):
        for sample in (one, other):
            assert {array.dtype for array in sample.values()} == {np.dtype(np.float32)}
            np.testing.assert_array_equal(sample["x"], x[row : row + 1])
            np.testing.assert_array_equal(sample["state"], state[row])
            assert sample["rate"] == 7 and sample["rate"].shape == ()
    with pytest.raises(TilefoldError, match=r"'state' is float32\[5, 1, 3\], but must be"):
        Samples.of(behind | {"state": zeros(5, 1, 3)}, network)
