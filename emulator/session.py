"""A program made ready to run, and kept so: machine, plan, whole operations, memories."""

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Final
from weakref import ref

import numpy as np
import numpy.typing as npt

from ..backend.program import Program, Segment
from ..costmodel.energy import Prices
from ..costmodel.technology import Technology, load_technology
from ..errors import TilefoldError
from ..machines.model import Machine, parse_machine
from .bounds import distinct_bytes
from .buffers import Extent, overlap, sites_of
from .counters import Counters
from .footprint import Plan
from .fusion import Fusion, fuse, run, tile_by_tile
from .gather import writes_of
from .host import from_device, to_device
from .layer_bound import Layers, layer_bound, layers_of, supply_of, works_of
from .memory import Memory
from .races import check as check_races
from .state import State
from .timing import Timer

DRAM_LIMIT: Final = 2 << 30
"""The most DRAM, in bytes, that a program may touch to be emulated."""

Array = npt.NDArray[np.generic]


class Session:
    """What one program needs to run, made when it is first needed.

    DRAM is kept between inputs: the check proves that nothing stale is read. Raises TilefoldError
    if the program is at fault.
    """

    def __init__(self, program: Program) -> None:
        program.check()
        for segment in program.segments:
            segment.data.flags.writeable = False
        self._segments = program.segments
        self._inputs, self._outputs = program.inputs, program.outputs
        self.machine: Machine = parse_machine(
            program.machine_text, f"machine of '{program.network}'"
        )
        self.plan = Plan.of(program)
        self.sizes = {memory.name: memory.bytes for memory in self.machine.memories}
        self.sizes[self.machine.dram.name] = self._dram_bytes()
        self._code_bytes = program.code_bytes
        self._scratch: dict[str, npt.NDArray[np.float32]] = {}
        self._lock = Lock()
        self._proven = False
        self._layer_by_layer: int | None = None

    def _dram_bytes(self) -> int:
        """The bytes of DRAM that the program can touch."""
        dram = self.machine.dram
        ends = [segment.address + segment.data.size for segment in self._segments]
        ends += [port.address + port.bytes for port in (*self._inputs, *self._outputs)]
        for step in self.plan.tree.steps:
            views = self.plan.views(step).values()
            ends += [view.reach() for view in views if view.view.memory == dram.name]
        size = min(max(ends, default=0), dram.bytes or 1 << 32)
        if size > DRAM_LIMIT:
            raise TilefoldError(
                f"the program touches {size} bytes of DRAM; at most {DRAM_LIMIT} can be emulated"
            )
        return size

    @cached_property
    def timer(self) -> Timer:
        """What runs the program's queues on the machine's clock."""
        return Timer(self.plan, self.machine, self._code_bytes)

    def check(self, pulse: Callable[[int], None] | None = None) -> None:
        """See `races.check`; a program that was found correct is not looked at again."""
        if self._proven:
            return
        dram = self.machine.dram.name
        initial = [(dram, segment.address, segment.data.size) for segment in self._segments]
        initial += [(dram, port.address, port.bytes) for port in self._inputs]
        check_races(self.plan, initial, self.sizes, pulse)
        self._proven = True

    @cached_property
    def _own_prices(self) -> Prices | None:
        name = self.machine.technology
        return Prices(self.machine, load_technology(name)) if name else None

    def prices(self, technology: Technology | str | Path | None) -> Prices | None:
        """What `technology` charges, or the one that the machine names; None without either."""
        if not technology:
            return self._own_prices
        if not isinstance(technology, Technology):
            technology = load_technology(technology)
        return Prices(self.machine, technology)

    @cached_property
    def distinct_bytes(self) -> dict[tuple[int, str], int]:
        """See `bounds.distinct_bytes`."""
        return distinct_bytes(self.plan, self.machine.dram.name)

    @cached_property
    def layers(self) -> Layers:
        """See `layer_bound`."""
        return layers_of(self.plan, self.machine)

    def layer_by_layer(self, counters: Counters) -> int:
        """The fewest cycles with one layer after the other; every run counts the same work."""
        if self._layer_by_layer is None:
            works = works_of(self.layers, self.machine, counters)
            self._layer_by_layer = layer_bound(works, supply_of(self.machine, counters.start))
        return self._layer_by_layer

    @cached_property
    def _dram(self) -> Memory:
        """DRAM with all segments in place."""
        name = self.machine.dram.name
        dram = Memory(name, self.sizes[name])
        for segment in self._segments:
            _place(dram, segment.address, segment.data)
        return dram

    @cached_property
    def _overwritten(self) -> list[Segment]:
        """The segments that something may overwrite while the program runs."""
        dram = self.machine.dram.name
        written = [(dram, port.address, port.address + port.bytes) for port in self._inputs]
        written += writes_of(sites_of(self.plan), dram)
        return [s for s in self._segments if any(overlap(self._extent(s), w) for w in written)]

    def _extent(self, segment: Segment) -> Extent:
        return self.machine.dram.name, segment.address, segment.address + segment.data.size

    @cached_property
    def fusion(self) -> Fusion:
        """The program as whole operations where it can be."""
        overwritten = {segment.name for segment in self._overwritten}
        constant = [self._extent(s) for s in self._segments if s.name not in overwritten]
        return fuse(self.plan, self._dram, self.sizes, constant)

    @cached_property
    def _tiled(self) -> Fusion:
        return tile_by_tile(self.plan)

    def run(self, inputs: Mapping[str, Array], whole: bool) -> dict[str, Array]:
        """The outputs by name for one input of each port's shape, on fresh memories on chip."""
        with self._lock:
            dram = self._dram
            for segment in self._overwritten:
                _place(dram, segment.address, segment.data)
            for port in self._inputs:
                _place(dram, port.address, to_device(port, inputs[port.name]))
            fusion = self.fusion if whole else self._tiled
            memories = {
                name: Memory(name, size) for name, size in self.sizes.items() if name != dram.name
            }
            state = State({**memories, dram.name: dram, **fusion.memories}, scratch=self._scratch)
            run(self.plan, fusion, state)
            return {
                port.name: from_device(port, dram.data[port.address : port.address + port.bytes])
                for port in self._outputs
            }


def _place(dram: Memory, address: int, data: npt.NDArray[np.uint8]) -> None:
    end = address + data.size
    if end > dram.data.size:
        raise TilefoldError(
            f"{data.size} bytes at {address:#x} do not fit the machine's "
            f"{dram.data.size} bytes of {dram.name}"
        )
    dram.data[address:end] = data
    if data.size:
        dram.touch(address, end)


_sessions: dict[int, tuple[ref[Program], Session]] = {}


def session_of(program: Program) -> Session:
    """The session of a program; it lasts as long as the program."""
    key = id(program)
    found = _sessions.get(key)
    if found is not None and found[0]() is program:
        return found[1]
    session = Session(program)
    _sessions[key] = ref(program, lambda _: _sessions.pop(key, None)), session
    return session
