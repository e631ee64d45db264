"""Why one layer is mapped as it is: the candidates of every decision, and the chosen one.

The passes themselves are run once more on the network, and asked.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue

from ..costmodel.integers import IntArray
from ..dialects import nn
from ..dialects.fabric import FoldAttr
from ..dialects.location import name_of
from ..dialects.nn_network import network_of
from ..dialects.store import StoreContext
from ..errors import TilefoldError
from ..machines.model import Machine
from .attach_machine import machine_of
from .choose_fold import ChooseFoldPass, fold_space
from .choose_tile import ChooseTilePass, tilings_of
from .folding.ranking import CHOSEN, RankedFold, ranked_folds, why_chosen
from .folding.space import Configuration, Space
from .fuse_epilogue import EPILOGUE, epilogue_of, producer_of, unfused
from .keep_on_chip import obstacle, size_of
from .lower_to_schedule import LOWERINGS, LowerToSchedulePass
from .lowering.state import address_of
from .pipelines import Choices, Schedule, run_passes, schedule_passes
from .tilings import Options, Ranked

NAMED: Final = 5
"""Names that an error lists at most."""


@dataclass(frozen=True)
class Explanation:
    """What was decided for a layer.

    Only a layer that runs on arrays has `folds` and `tilings`, the cheapest first; `unfit` are the
    cheapest tilings that do not fit. The chosen tiling is the first.
    """

    layer: str
    operation: str
    folds: tuple[RankedFold, ...]
    fold: str
    tilings: tuple[Ranked, ...]
    unfit: tuple[Ranked, ...]
    inputs: tuple[tuple[str, str], ...]
    result: str
    epilogue: str


def explain(
    network: ModuleOp,
    context: StoreContext,
    schedule: Schedule,
    layer: str,
    count: int,
    choices: Choices | None = None,
) -> Explanation:
    """Explain what is decided for a layer, with `count` candidates of each kind.

    `network` is an `nn` module with its machine, as `nn_passes` leaves it, compiled with `choices`;
    `layer` a layer's name, or a part of it that no other layer's has. Of a layer that runs in
    stripes it is the first of these. Raises TilefoldError where no layer, or several,
    are called so.
    """
    module = network.clone()
    wanted = name_of(_find(module, layer))
    spaces: list[tuple[Space, list[Operation]]] = []
    options = Options()
    for each in schedule_passes(schedule, choices or Choices()):
        if isinstance(each, LowerToSchedulePass):
            break
        if isinstance(each, ChooseFoldPass):
            layers, space = fold_space(module, context.store, each.spread)
            spaces.append((space, list(layers)))
        if isinstance(each, ChooseTilePass):
            options = each.options
        run_passes([each], context, module)
    ((space, layers),) = spaces
    op = next(op for op in _layers(module) if name_of(op) == wanted)
    machine, overlap = machine_of(module), options.overlap
    folds, fold = _folds(space, layers, op)
    tilings, unfit = list[Ranked](), list[Ranked]()
    if isinstance(op, nn.ConvOp | nn.MatmulOp):
        tilings, unfit = tilings_of(machine, op, context.store, options, count)
    return Explanation(
        wanted,
        op.name,
        tuple(_shown(folds, count)),
        fold,
        tuple(tilings),
        tuple(unfit),
        tuple((_source(value), _kept(value, machine, overlap)) for value in _activations(op)),
        _kept(op.results[0], machine, overlap),
        _epilogue(op, machine),
    )


def _layers(module: ModuleOp) -> list[Operation]:
    """What is lowered, in program order."""
    return [op for op in network_of(module).function.body.ops if type(op) in LOWERINGS]


def _find(module: ModuleOp, wanted: str) -> Operation:
    layers = {name_of(op): op for op in _layers(module)}
    if wanted in layers:
        return layers[wanted]
    found = [name for name in layers if wanted and wanted in name]
    if len(found) == 1:
        return layers[found[0]]
    if found:
        raise TilefoldError(f"'{wanted}' is part of several layers: {_listed(found)}")
    near = get_close_matches(wanted, layers, NAMED, 0.0)
    raise TilefoldError(f"no layer is called '{wanted}'; there are {_listed(near)}")


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = ", ..." if len(every) > NAMED else ""
    return ", ".join(every[:NAMED]) + more


def _folds(space: Space, layers: list[Operation], op: Operation) -> tuple[list[RankedFold], str]:
    if op not in layers:
        return [], ""
    row = layers.index(op)
    chosen: IntArray = np.array([space.columns.index(_configuration(each)) for each in layers])
    return ranked_folds(space, chosen, row), why_chosen(space, chosen, row)


def _configuration(layer: Operation) -> Configuration:
    fold = layer.attributes["fold"]
    assert isinstance(fold, FoldAttr), "choose-fold has run"
    return Configuration.of(fold)


def _shown(folds: list[RankedFold], count: int) -> list[RankedFold]:
    """The cheapest `count`, and the chosen one in any case."""
    return folds[:count] + [each for each in folds[count:] if each.standing == CHOSEN]


def _activations(op: Operation) -> list[SSAValue]:
    """The operands that are no constants."""
    return [value for value in op.operands if not isinstance(value.owner, nn.ConstantOp)]


def _source(value: SSAValue) -> str:
    owner = value.owner
    return name_of(owner) if isinstance(owner, Operation) else "an input of the network"


def _kept(value: SSAValue, machine: Machine, overlap: bool) -> str:
    """Where a tensor lies on chip, or why it does not."""
    owner, memory = value.owner, machine.memory_for("O")
    if not isinstance(owner, Operation) or isinstance(owner, nn.QuantizeOp):
        return "in DRAM: it is an input of the network"
    if (address := address_of(value)) is not None:
        return f"kept in @{memory.name} at {address:#x}, {size_of(owner):,} bytes"
    if isinstance(owner, nn.ConvOp | nn.MatmulOp) and (epilogue := epilogue_of(owner)):
        return f"nowhere whole: its tiles go to {name_of(epilogue)}"
    if not overlap:
        return "in DRAM: layers take turns"
    if memory != machine.memory_for("I"):
        return "in DRAM: inputs and outputs have memories of their own"
    reason = obstacle(owner) or f"no room for its {size_of(owner):,} bytes while it is needed"
    return f"in DRAM: {reason}"


def _epilogue(op: Operation, machine: Machine) -> str:
    """What runs in the nest of a layer, or in whose nest it runs."""
    if isinstance(op, nn.BinaryOp | nn.LutOp):
        producer = producer_of(op) if EPILOGUE in op.attributes else None
        return f"runs in the nest of {name_of(producer)}" if producer else "a nest of its own"
    if not isinstance(op, nn.ConvOp | nn.MatmulOp):
        return ""
    epilogue = epilogue_of(op)
    return f"runs {name_of(epilogue)}" if epilogue else f"none: {unfused(op, machine)}"
