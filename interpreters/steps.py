"""Networks that run in steps: each reads values by name and makes others."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import TilefoldError

Array = npt.NDArray[Any]
Values = Mapping[str, Array]


@dataclass(frozen=True)
class Step:
    """What reads the values `inputs` and makes others."""

    inputs: tuple[str, ...]
    run: Callable[[Values], Values]


def run_steps(steps: Iterable[Step], inputs: Values) -> dict[str, Array]:
    """All values by name: `inputs`, and what the steps make of them one after the other."""
    values = dict(inputs)
    for step in steps:
        values |= step.run({name: values[name] for name in step.inputs})
    return values


def joined(name: str, parts: Sequence[Array]) -> Array:
    """The results of several runs one behind the other; one result as it is.

    Raises TilefoldError where results differ in shape beyond their first dimension.
    """
    if len(parts) == 1:
        return parts[0]
    if len({part.shape[1:] for part in parts}) > 1:
        raise TilefoldError(f"output '{name}' has another shape for each input: run one at a time")
    return np.concatenate(parts) if parts[0].ndim else np.stack(parts)
