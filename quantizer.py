"""From a network of real numbers and some samples to one of integers, in ONNX's QDQ form."""

from collections.abc import Callable, Container, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy.typing as npt
from onnx import ModelProto
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from .dialects import nn
from .dialects.location import name_of
from .dialects.nn_network import Network, network_of
from .dialects.nn_onnx import is_operator
from .dialects.store import Store
from .errors import TilefoldError
from .frontend.files import read_model
from .frontend.importer import convert
from .frontend.loading import load
from .frontend.partition import partition
from .frontend.reals import import_real
from .frontend.sampling import choosing_inputs, sampled_shapes, with_fixed
from .frontend.shapes import Shapes
from .interpreters.onnx_model import onnx_model
from .interpreters.samples import Samples
from .passes.nn_calibrate import calibrate
from .passes.nn_equalize import equalize
from .passes.nn_fold_batch_norm import fold_batch_norm
from .passes.nn_quantize import NnQuantizePass
from .passes.nn_quantize_weights import NnQuantizeWeightsPass, Rounding
from .passes.nn_rows import products_as_rows
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
    by `method` (see `ranges.Method`).
    """

    weights: int = 8
    activations: int = 8
    first: int = 0
    last: int = 0
    input: int = 0
    method: str = Method.AUTO.value
    rounding: str = Rounding.RECONSTRUCTED.value
    symmetric: bool = False
    per_channel: bool = True
    equalize: bool = True

    @property
    def value_pass(self) -> NnQuantizePass:
        """The pass that quantises values."""
        return NnQuantizePass(self.activations, self.input, "", self.method, self.symmetric)

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
    fixed: Mapping[str, int]
    """Inputs that were the same in all samples and chose between parts of the network."""

    def samples_of(self, arrays: Mapping[str, npt.NDArray[Any]]) -> Samples:
        """Samples that fit the network; TilefoldError where they do not."""
        return Samples.of(_without(arrays, self.fixed), self.network)


@dataclass(frozen=True)
class Calibrated:
    """A network of real numbers whose values have been seen on samples, ready to be quantised.

    `original` is the network once scales have been folded and channels equalised; operators named
    in `host` are those that machines cannot run; `fixed` as in `Quantised`.
    """

    module: ModuleOp
    store: Store
    samples: Samples
    original: ModelProto
    host: Container[str]
    fixed: Mapping[str, int]

    def samples_of(self, arrays: Mapping[str, npt.NDArray[Any]]) -> Samples:
        """Samples that fit the network; TilefoldError where they do not."""
        return Samples.of(_without(arrays, self.fixed), network_of(self.module))

    def quantised(
        self,
        options: Quantisation,
        layers: Mapping[str, Widths] | None = None,
        progress: Progress | None = None,
    ) -> Quantised:
        """The network with these widths; it may be quantised again with others."""
        module, store = self.module.clone(), self.store
        options.value_pass.quantize(module, store, layers or {}, self.host)
        rounding = _told(progress, "rounding weights")
        options.weight_pass.quantize(module, store, layers or {}, self.samples, rounding)
        network = network_of(module)
        made = list(network.function.body.block.ops)
        values = sum(isinstance(op, nn.QuantizeOp) for op in made)
        if not values:
            raise TilefoldError(
                "nothing in the network can be quantised: machines compute none of it"
            )
        products = sum(is_operator(op, *PRODUCTS) and _has_stored_weights(op) for op in made)
        model = onnx_model(module, store)
        return Quantised(model, self.original, self.samples, products, values, network, self.fixed)


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
    their own, by node name; `shapes` gives those of inputs where they are not those of samples.
    Below 8 bits the integers are in 8-bit containers, with a Clip to the range that there is.
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
    with _named(model):
        ready = calibrated(model, arrays, options, layers=layers, shapes=shapes, progress=progress)
        return ready.quantised(options, layers, progress)


def calibrated(
    model: Model,
    arrays: Mapping[str, npt.NDArray[Any]],
    options: Quantisation = Quantisation(),
    *,
    layers: Mapping[str, Widths] | None = None,
    shapes: Shapes | None = None,
    progress: Progress | None = None,
) -> Calibrated:
    """The first half of `quantised`, which the widths of single layers hardly change."""
    with _named(model):
        return _calibrated(model, arrays, options, layers or {}, shapes, progress)


@contextmanager
def _named(model: Model) -> Generator[None]:
    """Let errors begin with the name of the model's file."""
    try:
        yield
    except TilefoldError as error:
        file = "" if isinstance(model, ModelProto) else f"{model}: "
        message = str(error)
        raise TilefoldError(message if message.startswith(file) else file + message) from error


def _calibrated(
    model: Model,
    arrays: Mapping[str, npt.NDArray[Any]],
    options: Quantisation,
    layers: Mapping[str, Widths],
    shapes: Shapes | None,
    progress: Progress | None,
) -> Calibrated:
    store = Store()
    proto = model if isinstance(model, ModelProto) else read_model(Path(model))
    fixed = choosing_inputs(proto, arrays)
    if fixed:
        if not isinstance(model, ModelProto):
            proto.graph.name = Path(model).stem
        model = proto = with_fixed(proto, fixed)
        arrays = _without(arrays, fixed)
    module = import_real(model, store, sampled_shapes(proto, arrays, shapes or {}))
    network = network_of(module)
    _check_real(network)
    samples = Samples.of(arrays, network)
    fold_batch_norm(module, store)
    products_as_rows(module, store)
    if options.equalize:
        equalize(module, store, samples, options.weights, options.activations)
    original = onnx_model(module, store)
    told = _told(progress, "calibrating")
    calibrate(module, store, samples, told)
    host = _left_to_the_host(module.clone(), store, options, layers)
    if host:
        calibrate(module, store, samples, told, host)
    return Calibrated(module, store, samples, original, host, fixed)


def _without(
    arrays: Mapping[str, npt.NDArray[Any]], names: Container[str]
) -> dict[str, npt.NDArray[Any]]:
    return {name: array for name, array in arrays.items() if name not in names}


def _left_to_the_host(
    module: ModuleOp, store: Store, options: Quantisation, layers: Mapping[str, Widths]
) -> Container[str]:
    """The operators of a calibrated network, by name, that machines cannot run once quantised.

    What they exchange would only lose by being quantised. `module` is used up.
    """
    options.value_pass.quantize(module, store, layers)
    replace(options, rounding=Rounding.NEAREST).weight_pass.quantize(module, store, layers)
    graph = load(onnx_model(module, store))
    try:
        convert(graph, Store())
        return ()
    except TilefoldError:
        return {node.name for node in partition(graph).nodes if not node.on_machine}


def _check_real(network: Network) -> None:
    """Refuse a network that is quantised already."""
    for op in network.function.body.block.ops:
        kind = op.op_type if isinstance(op, nn.OnnxOp) else ""
        if kind in ("QuantizeLinear", "DequantizeLinear") or kind.startswith(("QLinear", "QGemm")):
            raise TilefoldError(
                f"node '{name_of(op)}' ({kind}): it is quantised already; compile it as it is"
            )


def _has_stored_weights(op: Operation) -> bool:
    """Whether a product reads integers that are constant."""
    weights = op.operands[1].owner
    return isinstance(weights, nn.DequantizeOp) and isinstance(weights.input.owner, nn.ConstantOp)


def _told(progress: Progress | None, text: str) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    return lambda done, total: progress(text, done, total)
