"""Families of machines: what their parameters are, and the fabric of any choice of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..costmodel.integers import IntArray, as_array
from ..machines.model import Fold, Machine, parse_machine
from .analytical.batch import Fields, batched
from .edits import Edit, edited
from .space import Parameter, Space

ARRAY = "conv"

_DNA = """\
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
  fabric.array @conv {{count = {units}, axes = {{y = {side}, x = {side}}}, \
precisions = [[8, 8, 1]], feed = "skew", src = "explored; feed as dna_a600"}} {{
    fabric.local @wreg {{operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, \
src = "as dna_a600"}}
    fabric.accumulator @acc {{lines = {lines}, planes = 2, src = "explored"}}
    fabric.mode @dense {{spatial = {{y = ["C"], x = ["K", "OX"]}}, limit = {{OX = 4}}, \
src = "as dna_a600"}}
    fabric.mode @window {{spatial = {{y = ["C", "FY", "FX"], x = ["K", "OX"]}}, \
limit = {{OX = 4}}, src = "as dna_a600"}}
    fabric.mode @depthwise {{spatial = {{y = ["FY", "FX"], x = ["G", "K", "OX"]}}, \
limit = {{OX = 4}}, src = "as dna_a600"}}
  }}
  fabric.vector @act {{lanes = {lanes}, paths = [[@acc, @data], [@data, @data]], src = "explored"}}
  fabric.folds @mesh {{of = @conv, c = {chains}, p = {pixels}, hop_cycles = 1, \
shadow = {shadow}, config_bytes = 256, switch_cycles = {switch}, \
src = "explored"}}
}}
"""

_KIB = 1024

_parsed = lru_cache(maxsize=1024)(parse_machine)
"""Machines are asked for again and again, and take long to be parsed."""


@dataclass(frozen=True)
class Family:
    """Machines like `dna_a600`: units of a square grid, folded at run time over a mesh.

    `technology` is what energy and area are from; `edits` are made to every machine.
    """

    technology: str = "16nm"
    edits: tuple[Edit, ...] = ()

    name = "reconfigurable"
    about = "Units that are folded layer by layer, in the manner of dna_a600."
    depends: ClassVar[Mapping[str, Sequence[str]]] = {
        "conv": ("units", "side", "lines"),
        "act": ("lanes",),
        "data": ("data",),
        "weights": ("weights",),
        "dram": (),
    }
    """What the prices and the area of each part depend on."""
    fold_parameters = (
        "folding", "units", "side", "lines", "lanes", "dram", "switch", "shadow"
    )  # fmt: skip
    """What the choice of folds depends on."""
    foldings = ("mesh", "chains", "pixels")
    """How units join: in any way that uses a factor of them for each; all in one chain over input
    channels, or all on pixels of their own, both of which are never changed."""

    @property
    def space(self) -> Space:
        """All machines of the family."""
        kib = (256, 512, 1024, 2048, 4096, 8192)
        return Space((
            Parameter("folding", self.foldings),
            Parameter("units", (1, 2, 3, 4, 6, 8, 12)),
            Parameter("side", (16, 32, 64, 128), "multipliers"),
            Parameter("lines", (128, 256, 512, 1024)),
            Parameter("lanes", (16, 32, 64, 128, 256)),
            Parameter("data", kib, "KiB"),
            Parameter("weights", kib, "KiB"),
            Parameter("dram", (8, 16, 32, 64, 128, 256), "B/cycle"),
            Parameter("port", (16, 32, 64, 128), "B/cycle"),
            Parameter("switch", (16, 800, 8000), "cycles"),
            Parameter("shadow", ("yes", "no")),
        ))  # fmt: skip

    def text(self, values: Mapping[str, Any], name: str = "design") -> str:
        """The machine file of one design."""
        words = ("shadow", "folding")
        numbers = {key: int(each) for key, each in values.items() if key not in words}
        chains, pixels = self._factors(str(values["folding"]), numbers["units"])
        numbers |= {key: numbers[key] * _KIB for key in ("data", "weights")}
        return _DNA.format(
            **numbers,
            name=name,
            about=self.about,
            technology=self.technology,
            chains=chains,
            pixels=pixels,
            shadow="true" if values["shadow"] == "yes" else "false",
        )

    @staticmethod
    def _factors(folding: str, units: int) -> tuple[list[int], list[int]]:
        """The lengths of chains, and the ways to spread over pixels, that are legal."""
        every = [n for n in range(1, units + 1) if units % n == 0]
        match folding:
            case "mesh":
                return every, every
            case "chains":
                return [units], [1]
            case _:
                return [1], [units]

    @cached_property
    def every_fold(self) -> tuple[Fold, ...]:
        """The folds that any machine of the family has."""
        return tuple(dict.fromkeys(fold for folds in self._folds.values() for fold in folds))

    @cached_property
    def _folds(self) -> dict[tuple[str, int], tuple[Fold, ...]]:
        """The folds of machines by folding and units."""
        return {
            (folding, units): self.machine(self.first | {"folding": folding, "units": units}).folds(
                ARRAY
            )
            for folding in self.foldings
            for units in map(int, self.space.parameter("units").values)
        }

    def legal(self, values: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.bool_]:
        """Which of `every_fold` some machines have, [machines, folds]."""
        result = np.zeros((len(values["units"]), len(self.every_fold)), bool)
        for (folding, units), folds in self._folds.items():
            rows = (values["folding"] == folding) & (values["units"] == units)
            result[rows] = [fold in folds for fold in self.every_fold]
        return result

    def machine(self, values: Mapping[str, Any], name: str = "design") -> Machine:
        """One design."""
        return edited(_parsed(self.text(values, name), f"{name}.mlir"), self.edits)

    @cached_property
    def first(self) -> dict[str, Any]:
        """The parameters of the first design."""
        columns = self.space.columns(np.zeros(1, np.int64))
        return {name: column[0] for name, column in columns.items()}

    @cached_property
    def example(self) -> Machine:
        """The first design."""
        return self.machine(self.first)

    def batch(self, columns: Mapping[str, npt.NDArray[Any]]) -> Machine:
        """Many designs as one machine: numbers are arrays [designs, 1]."""

        def of(name: str) -> IntArray:
            return as_array(columns[name])[:, None]

        fields: Fields = {
            ("dram", "bytes_per_cycle"): of("dram"),
            ("data", "bytes"): of("data") * _KIB,
            ("weights", "bytes"): of("weights") * _KIB,
            ("load", "bytes_per_cycle"): of("port"),
            ("wload", "bytes_per_cycle"): of("port"),
            ("store", "bytes_per_cycle"): of("port"),
            ("conv", "count"): of("units"),
            ("conv", "side"): of("side"),
            ("conv", "lines"): of("lines"),
            ("act", "lanes"): of("lanes"),
            ("mesh", "switch_cycles"): of("switch"),
            ("mesh", "shadow"): (columns["shadow"] == "yes")[:, None].astype(np.int64),
        }
        return batched(self.example, fields)
