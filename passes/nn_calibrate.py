"""nn-calibrate: run a network of real numbers on samples; histograms of what is to be stored.

Before:

```mlir
%y = nn.onnx "Conv"(%x, %w) {...} : ...
```

After:

```mlir
%y = nn.onnx "Conv"(%x, %w) {...} {observed = [#nn.stored<"DIGEST">]} : ...
```

onnxruntime runs the network twice on each sample: for ranges, then for counts between them.
"""

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass

from ..dialects.nn_network import network_of
from ..dialects.store import Store, store_of
from ..interpreters.onnx_model import onnx_model, value_names
from ..interpreters.onnx_session import OnnxSession
from ..interpreters.samples import Samples, read_samples
from .quantising.observed import BINS, Histogram, observed, set_observed
from .quantising.plan import Plan

Progress = Callable[[int, int], None]
"""Called with the samples that have been run, and how many runs there are in all."""


@dataclass(frozen=True)
class NnCalibratePass(ModulePass):
    """Note what the values of a network are on `samples`, an .npz file of arrays by input name.

    The first dimension of an array counts samples; `most` of them are used, all with 0.
    """

    name = "nn-calibrate"

    samples: str
    most: int = 0

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Annotate `op`; TilefoldError where the samples do not fit the network."""
        network = network_of(op)
        calibrate(op, store_of(ctx), read_samples(Path(self.samples), network).first(self.most))


def calibrate(
    module: ModuleOp,
    store: Store,
    samples: Samples,
    progress: Progress | None = None,
    host: Container[str] = (),
) -> None:
    """Note the histograms of what is to be stored of the network in `module` on `samples`.

    Operators named in `host` are left in real numbers; what has been noted before is kept.
    Raises TilefoldError where onnxruntime cannot run it.
    """
    function = network_of(module).function
    values = [value for value in Plan(function, host).with_ranges if observed(value, store) is None]
    if not values:
        return
    names = value_names(module)
    session = OnnxSession(onnx_model(module, store, values), optimise=False)
    seen = _Seen(session, samples, {names[value]: value for value in values}, progress)
    set_observed(function, seen.histograms(), store)


@dataclass
class _Seen:
    """The values that a network has on samples, by the names of a session's outputs."""

    session: OnnxSession
    samples: Samples
    values: Mapping[str, SSAValue]
    progress: Progress | None
    runs: int = 0

    def histograms(self) -> dict[SSAValue, Histogram]:
        """The histograms of all values."""
        low = dict.fromkeys(self.values, np.inf)
        high = dict.fromkeys(self.values, -np.inf)
        for arrays in self._arrays():
            for name, array in arrays.items():
                if array.size:
                    low[name] = float(np.minimum(low[name], array.min()))  # NaN stays NaN
                    high[name] = float(np.maximum(high[name], array.max()))
        counts = {name: np.zeros(BINS) for name in self.values}
        for arrays in self._arrays():
            for name, array in arrays.items():
                if array.size:
                    counts[name] += _counts(array, low[name], high[name])
        return {
            value: Histogram(low[name], high[name], counts[name])
            for name, value in self.values.items()
            if not low[name] > high[name]
        }

    def _arrays(self) -> Iterator[dict[str, npt.NDArray[np.float32]]]:
        for sample in self.samples:
            found = self.session.run(sample) | sample
            yield {name: found[name] for name in self.values}
            self.runs += 1
            if self.progress:
                self.progress(self.runs, 2 * len(self.samples))


def _counts(array: npt.NDArray[np.float32], low: float, high: float) -> npt.NDArray[Any]:
    """How many of the values are in each of the bins between `low` and `high`."""
    if not (np.isfinite([low, high]).all() and low < high):
        return np.zeros(BINS)
    places = (array.ravel() - np.float32(low)) * np.float32(BINS / (high - low))
    return np.bincount(np.minimum(places.astype(np.int64), BINS - 1), minlength=BINS)
