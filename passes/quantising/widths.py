"""Bits of layers that differ from those of the rest: `{"conv1": {"weights": 8, "activations": 6}}`.

`weights` are those of the layer, `activations` those of the values that it makes; either may be
left out.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

from ...dialects.location import name_of
from ...dialects.nn_network import Network
from ...errors import TilefoldError

WIDTHS = range(2, 9)
SIZE_LIMIT = 16 << 20


@dataclass(frozen=True)
class Widths:
    """Bits of a layer's weights and of the values that it makes; 0: those of all layers."""

    weights: int = 0
    activations: int = 0


def check_width(*widths: int) -> None:
    """Refuse widths that there are not."""
    for bits in widths:
        if bits not in WIDTHS:
            raise TilefoldError(f"{bits} bits: widths are from {WIDTHS[0]} to {WIDTHS[-1]}")


def read_widths(file: str) -> Mapping[str, Widths]:
    """The widths of layers in a JSON file, of none where `file` is empty."""
    if not file:
        return {}
    try:
        if Path(file).stat().st_size > SIZE_LIMIT:
            raise TilefoldError(f"{file}: too large for a list of layers")
        content = json.loads(Path(file).read_text(), object_pairs_hook=partial(_object, file))
    except (OSError, ValueError, RecursionError) as error:
        raise TilefoldError(f"{file}: not readable as JSON: {error}") from error
    if not isinstance(content, dict):
        raise TilefoldError(f"{file}: must be an object with an entry for each layer")
    return {
        layer: _widths(file, layer, entry)
        for layer, entry in cast(Mapping[str, Any], content).items()
    }


def _object(file: str, pairs: Sequence[tuple[str, Any]]) -> Mapping[str, Any]:
    """An object of JSON, whose keys must differ."""
    keys = [key for key, _ in pairs]
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise TilefoldError(f'{file}: "{twice}" is there twice')
    return dict(pairs)


def _widths(file: str, layer: str, entry: Any) -> Widths:
    given = cast(Mapping[str, Any], entry) if isinstance(entry, dict) else {"": 0}
    known = given.keys() <= {"weights", "activations"}
    if not known or any(type(bits) is not int or bits not in WIDTHS for bits in given.values()):
        raise TilefoldError(f'{file}: "{layer}" may have weights and activations, of 2 to 8 bits')
    return Widths(**given)


def check_layers(network: Network, layers: Mapping[str, Widths]) -> None:
    """Refuse widths of layers that a network does not have."""
    unknown = set(layers) - {name_of(op) for op in network.function.body.block.ops}
    if unknown:
        raise TilefoldError(f'the network has no layer "{min(unknown)}"')
