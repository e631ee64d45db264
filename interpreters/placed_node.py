"""Where the nodes of a network run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PlacedNode:
    """Where a node of the network runs: in which step, and on the host why.

    `macs` are its products; 0 where its shapes are not known.
    """

    name: str
    operator: str
    step: int
    on_machine: bool
    reason: str
    macs: int
