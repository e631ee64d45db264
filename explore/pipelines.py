"""A family of machines whose layers are in stages: pipelines and hybrids, and their fabrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy.typing as npt

from ..costmodel.integers import IntArray, as_array
from ..machines.model import Machine, parse_machine
from .analytical.batch import batched
from .space import Parameter, Space

_KIB = 1024

_SHARED = """\
// {about}
fabric.machine @{name} {{hz = 800000000, technology = "{technology}", src = "as dna_a600"}} {{
  fabric.memory @dram {{kind = "dram", bytes = 4294967296, bytes_per_cycle = {dram}, burst = 64, \
latency_cycles = 80, standard = "lpddr4", src = "explored; burst and latency as dna_a600"}}
  fabric.memory @data {{bytes = {data}, line = 64, banks = 32, holds = ["I", "O"], \
src = "explored; banks as dna_a600"}}
  fabric.memory @weights {{bytes = {weights}, line = 64, banks = 32, holds = ["W"], \
src = "explored; banks as dna_a600"}}
  fabric.dma @load {{path = [@dram, @data], bytes_per_cycle = {port}, src = "explored"}}
  fabric.dma @wload {{path = [@dram, @weights], count = 2, bytes_per_cycle = {port}, \
src = "explored; two engines for weights"}}
  fabric.dma @store {{path = [@data, @dram], bytes_per_cycle = {port}, src = "explored"}}
"""

_STAGE = """\
  fabric.array @stage{n} {{count = {units}, axes = {{y = {side}, x = {side}}}, \
precisions = [[8, 8, 1]], feed = "skew", src = "explored; feed as dna_a600"}} {{
    fabric.local @wreg{n} {{operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, \
src = "as dna_a600"}}
    fabric.accumulator @acc{n} {{lines = {lines}, planes = 2, src = "explored"}}
    fabric.mode @dense{n} {{spatial = {{y = ["C"], x = ["K", "OX"]}}, limit = {{OX = 4}}, \
src = "as dna_a600"}}
    fabric.mode @window{n} {{spatial = {{y = ["C", "FY", "FX"], x = ["K", "OX"]}}, \
limit = {{OX = 4}}, src = "as dna_a600"}}
    fabric.mode @depthwise{n} {{spatial = {{y = ["FY", "FX"], x = ["G", "K", "OX"]}}, \
limit = {{OX = 4}}, src = "as dna_a600"}}
  }}
  fabric.vector @act{n} {{lanes = {lanes}, paths = [[@acc{n}, @data], [@data, @data]], \
src = "explored"}}
"""

_FOLDS = """\
  fabric.folds @mesh {{of = @stage{n}, c = {factors}, p = {factors}, hop_cycles = 1, \
shadow = true, config_bytes = 256, switch_cycles = 16, src = "as dna_a600, but for the switch"}}
"""


@dataclass(frozen=True)
class PipelineFamily:
    """Machines of `stages` arrays, each with vector lanes of its own, that share their memories.

    Each array has consecutive layers, and works on the image behind that of the next array. The
    last one is a generic unit that does what is left: of several `units`, which fold as those of
    dna_a600 do, it makes a hybrid; of one, a pipeline. Arrays are square grids; those between the
    `first` and the `last` one are alike. A program takes so many `frames`. `technology` is what
    energy and area are from.
    """

    technology: str = "16nm"
    frames: int = 4

    name = "pipeline"
    about = "An array for each stage of the layers; images follow each other through them."

    @property
    def space(self) -> Space:
        """All machines of the family."""
        kib = (1024, 2048, 4096, 8192)
        return Space((
            Parameter("stages", (2, 3, 4)),
            Parameter("first", (16, 32, 64), "multipliers"),
            Parameter("middle", (16, 32, 64), "multipliers"),
            Parameter("last", (16, 32, 64), "multipliers"),
            Parameter("units", (1, 2, 4)),
            Parameter("lines", (128, 256, 512, 1024)),
            Parameter("lanes", (16, 32, 64, 128)),
            Parameter("data", kib, "KiB"),
            Parameter("weights", kib, "KiB"),
            Parameter("dram", (16, 32, 64, 128, 256), "B/cycle"),
            Parameter("port", (32, 64, 128), "B/cycle"),
        ))  # fmt: skip

    def text(self, values: Mapping[str, Any], name: str = "design") -> str:
        """The machine file of one design."""
        numbers = {key: int(each) for key, each in values.items()}
        numbers |= {key: numbers[key] * _KIB for key in ("data", "weights")}
        words = {"name": name, "about": self.about, "technology": self.technology}
        parts = [_SHARED.format(**numbers, **words)]
        last = numbers["stages"] - 1
        for stage in range(last + 1):
            side = numbers[side_of(stage, last + 1)]
            own = numbers | {"units": numbers["units"] if stage == last else 1}
            parts.append(_STAGE.format(**own, n=stage, side=side))
        if numbers["units"] > 1:
            factors = [n for n in range(1, numbers["units"] + 1) if numbers["units"] % n == 0]
            parts.append(_FOLDS.format(n=last, factors=factors))
        return "".join([*parts, "}\n"])

    def batch(self, columns: Mapping[str, npt.NDArray[Any]]) -> Machine:
        """Designs with equally many stages as one machine: numbers are arrays [designs, 1]."""

        def of(name: str) -> IntArray:
            return as_array(columns[name])[:, None]

        (stages,) = {int(each) for each in columns["stages"]}
        fields: dict[tuple[str, str], IntArray] = {
            ("dram", "bytes_per_cycle"): of("dram"),
            ("data", "bytes"): of("data") * _KIB,
            ("weights", "bytes"): of("weights") * _KIB,
            **{(dma, "bytes_per_cycle"): of("port") for dma in ("load", "wload", "store")},
        }
        for stage in range(stages):
            fields[f"stage{stage}", "side"] = of(side_of(stage, stages))
            fields[f"stage{stage}", "lines"] = of("lines")
            fields[f"act{stage}", "lanes"] = of("lanes")
        fields[f"stage{stages - 1}", "count"] = of("units")
        return batched(self.example(stages), fields)

    def example(self, stages: int, units: int = 0, data: int = 0) -> Machine:
        """The first machine of so many stages, with the most units, or so many, and so many KiB of
        memory for inputs and outputs if told."""
        return _example(self, stages, units, data)

    @property
    def depends(self) -> Mapping[str, Sequence[str]]:
        """What the prices and the area of each part depend on."""
        sides = "stages", "first", "middle", "last", "units", "lines"
        most = max(map(int, self.space.parameter("stages").values))
        arrays = {f"stage{n}": sides for n in range(most)}
        lanes = {f"act{n}": ("stages", "lanes") for n in range(most)}
        return {**arrays, **lanes, "data": ("data",), "weights": ("weights",), "dram": ()}

    def machine(self, values: Mapping[str, Any], name: str = "design") -> Machine:
        """One design."""
        return parse_machine(self.text(values, name), f"{name}.mlir")


@lru_cache(maxsize=256)
def _example(family: PipelineFamily, stages: int, units: int, data: int) -> Machine:
    space = family.space
    values = {parameter.name: parameter.values[0] for parameter in space.parameters}
    values |= {"stages": stages, "units": units or max(space.parameter("units").values)}
    return family.machine(values | ({"data": data} if data else {}))


def side_of(stage: int, stages: int) -> str:
    """The parameter that has the side of a stage's array."""
    if stage == 0:
        return "first"
    return "last" if stage == stages - 1 else "middle"
