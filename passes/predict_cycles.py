"""Predict how many cycles each layer of a program adds, and what it spends them with.

```mlir
isa.program "net" on "tiny" ... {  ->  isa.program "net" on "tiny" ... attributes {prediction = [
                                           #isa.prediction<"conv", compute = 144, memory = 20, ...>,
                                           ...]} {
```

Nothing is run: the cost model says what an instruction costs on each of its tiles, and closed forms
say how the parts of units in a nest, and nests, follow each other. A layer's cycles are those from
when all layers before it are complete until it is; they go to what kept it from being complete
earlier. `docs/prediction.md` derives the forms and compares them with emulated cycles.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise

from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, IntAttr, ModuleOp, StringAttr
from xdsl.passes import ModulePass

from ..dialects import isa
from ..dialects.isa_prediction import KINDS, PREDICTION, PredictionAttr
from ..dialects.location import name_of
from .attach_machine import machine_of
from .prediction.composition import Composition
from .prediction.marks import Mark


@dataclass(frozen=True)
class PredictCyclesPass(ModulePass):
    """Attach a prediction for every layer to each `isa.program`."""

    name = "predict-cycles"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        machine = machine_of(op)
        for program in op.ops:
            if isinstance(program, isa.ProgramOp):
                finished = Composition(machine, program).finished()
                predictions = _predictions(finished, _layers(program))
                program.attributes[PREDICTION] = ArrayAttr(predictions)


def _layers(program: isa.ProgramOp) -> Iterator[str]:
    """The layers in the order in which they first do something; a prefetch serves a later one."""
    names = (name_of(op) for op in program.walk() if not isinstance(op, isa.PrefetchOp))
    return iter(dict.fromkeys(names))


def _predictions(finished: Mapping[str, Mark], layers: Iterator[str]) -> Iterator[PredictionAttr]:
    before = 0
    for layer in layers:
        mark = finished.get(layer)
        if mark is None or not layer:
            continue
        end = max(before, round(mark.time))
        parts = _whole(mark.spent(before), end - before)
        yield PredictionAttr(StringAttr(layer), *map(IntAttr, parts))
        before = end


def _whole(spent: Mapping[str, float], cycles: int) -> list[int]:
    """Cycles by kind as integers that sum to `cycles`."""
    total = sum(spent.values())
    ends = [
        0,
        *(
            round(part / total * cycles) if total else 0
            for part in accumulate(spent[kind] for kind in KINDS)
        ),
    ]
    return [end - start for start, end in pairwise(ends)]
