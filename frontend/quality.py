"""How near a quantised network is to the one of real numbers that it was made of."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, ValueInfoProto

from ..errors import TilefoldError
from ..interpreters.onnx_model import dequantised
from ..interpreters.onnx_session import OnnxSession
from ..interpreters.samples import Samples

Array = npt.NDArray[Any]
Progress = Callable[[int, int], None]
"""Called with the samples that have been run, and how many there are."""


@dataclass(frozen=True)
class Quality:
    """What came of a quantised network and of the original on the same samples.

    `agreement` is the part of samples whose largest output is the same, `signal_to_noise` that of
    the first output in dB; `right` and `right_before` are the parts of samples that are labelled as
    the quantised and the original network say, None without labels.
    """

    samples: int
    agreement: float
    signal_to_noise: float
    right: float | None
    right_before: float | None


def quality(
    original: ModelProto,
    quantised: ModelProto,
    samples: Samples,
    labels: Sequence[int] | Array | None = None,
    progress: Progress | None = None,
) -> Quality:
    """Run both networks on `samples`, of which `labels` [n] say the class.

    Raises TilefoldError where there are not as many labels as samples.
    """
    if labels is not None and len(labels) != len(samples):
        raise TilefoldError(f"{len(labels)} labels for {len(samples)} samples")
    sessions = OnnxSession(original), OnnxSession(quantised)
    name = sessions[0].outputs[0]
    chosen = np.zeros((2, len(samples)), np.int64)
    signal = noise = 0.0
    for number, sample in enumerate(samples):
        before, after = (session.run(sample)[name] for session in sessions)
        chosen[:, number] = before.reshape(-1).argmax(), after.reshape(-1).argmax()
        signal, noise = signal + _energy(before), noise + _energy(before - after)
        if progress:
            progress(number + 1, len(samples))
    right: list[float | None] = [None, None]
    if labels is not None:
        right = [float((each == np.asarray(labels)).mean()) for each in chosen]
    agreement = float((chosen[0] == chosen[1]).mean())
    return Quality(len(samples), agreement, decibels(signal, noise), right[1], right[0])


def layer_quality(
    original: ModelProto, quantised: ModelProto, samples: Samples
) -> Mapping[str, float]:
    """The signal-to-noise ratio in dB of each value that both networks have, in their order.

    Values go by the names of the layers that make them; what is stored counts as it is stored.
    """
    shown = dict.fromkeys(name for node in original.graph.node for name in node.output)
    made = {name for node in quantised.graph.node for name in node.output}
    pairs: dict[str, str] = {}
    for name in shown:
        names = [each for each in (dequantised(name), name) if each in made]
        if names:
            pairs[name] = names[0]
    sessions = (
        OnnxSession(_showing(original, pairs)),
        OnnxSession(_showing(quantised, pairs.values()), optimise=False),
    )
    signal, noise = dict.fromkeys(pairs, 0.0), dict.fromkeys(pairs, 0.0)
    for sample in samples:
        before, after = (session.run(sample) for session in sessions)
        for name, other in pairs.items():
            if before[name].dtype == np.float32:
                signal[name] += _energy(before[name])
                noise[name] += _energy(before[name] - after[other])
    return {name: decibels(signal[name], noise[name]) for name in pairs}


def decibels(signal: float, noise: float) -> float:
    """10 log10(signal / noise), infinite without noise."""
    if noise == 0:
        return float("inf")
    return float(10 * np.log10(max(signal, np.finfo(float).tiny) / noise))


def _energy(array: Array) -> float:
    return float((array.astype(np.float64) ** 2).sum())


def _showing(model: ModelProto, names: Iterable[str]) -> ModelProto:
    """The model with values among its outputs."""
    copy = ModelProto()
    copy.CopyFrom(model)
    known = {value.name for value in copy.graph.output}
    copy.graph.output.extend(ValueInfoProto(name=name) for name in names if name not in known)
    return copy
