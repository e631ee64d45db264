"""When each frame of a program begins and is complete: latency of one, throughput of all."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..backend.program import Port, Program
from .tree import Step


@dataclass(frozen=True)
class FrameTime:
    """The cycle in which the first load of a frame's input starts, and when its outputs are there.

    Frame 0 starts with the program, in cycle 0.
    """

    start: int
    end: int

    @property
    def latency(self) -> int:
        """Cycles from the one to the other."""
        return self.end - self.start

    def to_json(self) -> dict[str, int]:
        """Plain numbers."""
        return {"start": self.start, "end": self.end, "latency": self.latency}


@dataclass(frozen=True)
class Frames:
    """Where a program touches its inputs and outputs: loads by index, layers that store, frames.

    `opens` has the frame of every instruction that loads from an input, `closes` the layers that
    store an output, by frame.
    """

    opens: Mapping[int, int] = field(default_factory=dict[int, int])
    closes: Mapping[int, frozenset[int]] = field(default_factory=dict[int, frozenset[int]])

    @staticmethod
    def of(program: Program, steps: tuple[Step, ...]) -> "Frames":
        """What instructions with views of ports, which begin inside these, say."""
        opens: dict[int, int] = {}
        closes: defaultdict[int, set[int]] = defaultdict(set)
        for frame in range(program.frames):
            for step in steps:
                if step.mnemonic == "load" and _touches(step, "src", program.inputs_of(frame)):
                    opens[step.index] = frame
                if step.mnemonic == "store" and _touches(step, "dst", program.outputs_of(frame)):
                    closes[frame].add(step.layer)
        return Frames(opens, {frame: frozenset(layers) for frame, layers in closes.items()})

    def times(self, begun: Mapping[int, int], finished: Mapping[int, int]) -> tuple[FrameTime, ...]:
        """When each frame that stores outputs runs, given when loads of its input first start.

        `begun` is by frame, `finished` when the last instruction of a layer is complete.
        """
        return tuple(
            FrameTime(
                begun.get(frame, 0) if frame else 0,
                max(finished.get(layer, 0) for layer in self.closes[frame]),
            )
            for frame in sorted(self.closes)
        )


def _touches(step: Step, operand: str, ports: tuple[Port, ...]) -> bool:
    base = step.instruction.view(operand).base
    return any(port.address <= base < port.address + port.bytes for port in ports)
