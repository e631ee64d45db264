"""From a network of real numbers and some samples to one of integers, in ONNX's QDQ form."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt
from onnx import ModelProto
from xdsl.ir import Operation

from .dialects import nn
from .dialects.location import name_of
from .dialects.nn_network import Network, network_of
from .dialects.nn_onnx import is_operator
from .dialects.store import Store
from .errors import TilefoldError
from .frontend.reals import import_real
from .frontend.shapes import Shapes
from .interpreters.onnx_model import onnx_model
from .interpreters.samples import Samples
from .passes.nn_calibrate import calibrate
from .passes.nn_equalize import equalize
from .passes.nn_fold_batch_norm import fold_batch_norm
from .passes.nn_quantize import NnQuantizePass
from .passes.nn_quantize_weights import NnQuantizeWeightsPass, Rounding
from .passes.quantising.plan import PRODUCTS
from .passes.quantising.ranges import Method
from .passes.quantising.widths import Widths

Model = str | Path | ModelProto
Progress = Callable[[str, int, int | None], None]
"""Called with what goes on, what is done of it, and how much there is (None: not known)."""


@dataclass(frozen=True)
class Quantisation:
    """How a network is quantised: options of the passes.

    `weights` and `activations` are bits from 2 to 8; `first` and `last`, where not 0, those of the
    weights of the first and last product, `input` those of the inputs. Ranges of `activations` come
    by `method`, "auto" standing for "minmax" at 8 bits and "mse" below.
    """

    weights: int = 8
    activations: int = 8
    first: int = 0
    last: int = 0
    input: int = 0
    method: str = "auto"
    rounding: str = Rounding.RECONSTRUCTED.value
    symmetric: bool = False
    per_channel: bool = True
    equalize: bool = True

    @property
    def value_pass(self) -> NnQuantizePass:
        """The pass that quantises values."""
        method = self.method
        if method == "auto":
            method = (Method.MINMAX if self.activations == 8 else Method.MSE).value
        return NnQuantizePass(self.activations, self.input, "", method, self.symmetric)

    @property
    def weight_pass(self) -> NnQuantizeWeightsPass:
        """The pass that quantises weights."""
        return NnQuantizeWeightsPass(
            self.weights,
            self.first,
            self.last,
            per_channel=self.per_channel,
            rounding=self.rounding,
        )


@dataclass(frozen=True)
class Quantised:
    """A quantised model, the same network before, and the samples that it was quantised by.

    In both models a node's result has the node's name; `original` is the network once scales have
    been folded and channels equalised. `products` and `values` are how many were quantised.
    """

    model: ModelProto
    original: ModelProto
    samples: Samples
    products: int
    values: int
    network: Network

    def samples_of(self, arrays: Mapping[str, npt.NDArray[Any]]) -> Samples:
        """Samples that fit the network; TilefoldError where they do not."""
        return Samples.of(arrays, self.network)


def quantize(
    model: Model,
    samples: Mapping[str, npt.NDArray[Any]],
    options: Quantisation = Quantisation(),
    *,
    layers: Mapping[str, Widths] | None = None,
    shapes: Shapes | None = None,
    progress: Progress | None = None,
) -> ModelProto:
    """The model with what machines can compute quantised, in the QDQ form that onnxruntime runs.

    `samples` are arrays [n, ...] by input name, of which n inputs are made; `layers` have widths of
    their own, by node name; `shapes` gives those of inputs with dynamic dimensions. Below 8 bits
    the integers are in 8-bit containers, with a Clip to the range that there is.
    Raises TilefoldError where the model or the samples do not do.
    """
    made = quantised(model, samples, options, layers=layers, shapes=shapes, progress=progress)
    return made.model


def quantised(
    model: Model,
    arrays: Mapping[str, npt.NDArray[Any]],
    options: Quantisation = Quantisation(),
    *,
    layers: Mapping[str, Widths] | None = None,
    shapes: Shapes | None = None,
    progress: Progress | None = None,
) -> Quantised:
    """The same as `quantize`, with what is needed to look at the result."""
    try:
        return _quantised(model, arrays, options, layers or {}, shapes, progress)
    except TilefoldError as error:
        file = "" if isinstance(model, ModelProto) else f"{model}: "
        message = str(error)
        raise TilefoldError(message if message.startswith(file) else file + message) from error


def _quantised(
    model: Model,
    arrays: Mapping[str, npt.NDArray[Any]],
    options: Quantisation,
    layers: Mapping[str, Widths],
    shapes: Shapes | None,
    progress: Progress | None,
) -> Quantised:
    store = Store()
    module = import_real(model, store, shapes)
    network = network_of(module)
    _check_real(network)
    samples = Samples.of(arrays, network)
    fold_batch_norm(module, store)
    if options.equalize:
        equalize(module, store, samples)
    original = onnx_model(module, store)
    calibrate(module, store, samples, _told(progress, "calibrating"))
    options.value_pass.quantize(module, store, layers)
    rounding = _told(progress, "rounding weights")
    options.weight_pass.quantize(module, store, layers, samples, rounding)
    made = list(network.function.body.block.ops)
    values = sum(isinstance(op, nn.QuantizeOp) for op in made)
    if not values:
        raise TilefoldError("nothing in the network can be quantised: machines compute none of it")
    products = sum(map(_is_by_stored_weights, made))
    return Quantised(onnx_model(module, store), original, samples, products, values, network)


def _is_by_stored_weights(op: Operation) -> bool:
    """Whether an operation is a product by constants that are stored as integers."""
    if not is_operator(op, *PRODUCTS):
        return False
    weights = op.operands[1].owner
    return isinstance(weights, nn.DequantizeOp) and isinstance(weights.input.owner, nn.ConstantOp)


def _check_real(network: Network) -> None:
    """Refuse a network that is quantised already."""
    for op in network.function.body.block.ops:
        kind = op.op_type if isinstance(op, nn.OnnxOp) else ""
        if kind in ("QuantizeLinear", "DequantizeLinear") or kind.startswith(("QLinear", "QGemm")):
            raise TilefoldError(
                f"node '{name_of(op)}' ({kind}): it is quantised already; compile it as it is"
            )


def _told(progress: Progress | None, text: str) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    return lambda done, total: progress(text, done, total)
