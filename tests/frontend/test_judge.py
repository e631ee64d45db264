"""The judge itself, and whole networks against it."""

from pathlib import Path

import numpy as np
import pytest
from tilefold.dialects.store import Store
from tilefold.errors import TilefoldError
from tilefold.frontend import import_model
from tilefold.frontend.judge import Judge, compare
from tilefold.tests.frontend import models as m
from tilefold.tests.frontend.models import Net

ROOT = Path(__file__).parents[2]
FASHION = ROOT / "examples" / "fashion" / "int8.onnx"
EFFICIENTNET = ROOT.parent / "shared" / "models" / "efficientnet_lite0.onnx"


def test_batches() -> None:
    """A model of batch 1 runs once per row, one of symbolic batch once."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 6, 9, 11)).astype(np.float32)
    results: list[np.ndarray] = []
    for batch in (1, "N"):
        judge = Judge(m.qdq_conv(Net(np.random.default_rng(0)), shape=(batch, 6, 9, 11)))
        results += judge.run({"x": x}).values()
    np.testing.assert_array_equal(*results)
    assert results[0].shape == (3, 8, 7, 9)


def test_what_stays_in_float_is_reported() -> None:
    model = m.qdq_conv(Net(np.random.default_rng(0)), activation=m.relu)
    assert Judge(model).in_float == ("conv",)


@pytest.mark.parametrize("kind", [np.uint8, np.int8])
@pytest.mark.parametrize("seed", [4, 7, 8])
def test_intermediates(seed: int, kind: type) -> None:
    model = m.random_network(np.random.default_rng(seed), layers=8, kind=kind)
    store = Store()
    module = import_model(model, store)
    rows = compare(module, store, Judge(model), m.feeds(model, np.random.default_rng(0)))
    assert len(rows) > 5
    assert {row.mismatches for row in rows} == {0}


def test_a_difference_is_found() -> None:
    model, other = (m.qdq_conv(Net(np.random.default_rng(seed))) for seed in (0, 1))
    store = Store()
    inputs = m.feeds(model, np.random.default_rng(0))
    rows = compare(import_model(other, store), store, Judge(model), inputs)
    by_name = {row.name: row for row in rows}
    assert by_name["conv"].mismatches > 0
    assert by_name["conv"].largest >= 1
    assert by_name["quantizelinear0"].mismatches == 0


def test_selected_layers() -> None:
    model = m.qdq_conv(Net(np.random.default_rng(0)))
    values = Judge(model).intermediates(m.feeds(model, np.random.default_rng(0)), ["conv"])
    assert list(values) == ["conv"]
    assert values["conv"].dtype == np.uint8


def test_refused_model() -> None:
    model = m.qdq_unary(Net(np.random.default_rng(0)), m.simple("Blur"))
    with pytest.raises(TilefoldError, match="onnxruntime refuses"):
        Judge(model)


def test_the_shipped_network_equals_onnxruntime() -> None:
    judge = Judge(FASHION)
    assert judge.in_float == ()
    images = np.load(FASHION.with_name("images.npz"))["image"][:4]
    store = Store()
    module = import_model(FASHION, store)
    inputs = {"image": images.astype(np.float32) / np.float32(255)}
    rows = compare(module, store, judge, inputs)
    assert len(rows) > 15
    assert {row.mismatches for row in rows} == {0}


def test_efficientnet_equals_onnxruntime(tmp_path: Path) -> None:
    """Quantised here, from random images: what counts is equality, not accuracy."""
    if not EFFICIENTNET.is_file():
        pytest.skip(f"{EFFICIENTNET} is not there")
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    images = np.random.default_rng(0).normal(0, 0.6, (4, 3, 224, 224)).astype(np.float32)

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.rows = iter(images[:, None])

        def get_next(self) -> dict[str, np.ndarray] | None:
            row = next(self.rows, None)
            return None if row is None else {"input": row}

    prepared, quantised = tmp_path / "prepared.onnx", tmp_path / "int8.onnx"
    quant_pre_process(EFFICIENTNET, prepared, skip_symbolic_shape=True)
    quantize_static(
        prepared,
        quantised,
        Reader(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    judge = Judge(quantised)
    assert judge.in_float == ()
    store = Store()
    rows = compare(import_model(quantised, store), store, judge, {"input": images[:1]})
    assert len(rows) > 60
    assert {row.mismatches for row in rows} == {0}
