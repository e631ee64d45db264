"""What all figures share: colours, axes, layouts, units of time.

Figures are plotly's own dictionaries of `data` and `layout`
(https://plotly.com/javascript/reference). A colour means the same everywhere: a saturated one is a
kind of unit at work, its pale shade a wait for that kind of unit, or for what it brings.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, Final

from ...machines.model import Dma, Machine

Figure = dict[str, Any]
"""`data`, a list of traces, and `layout`."""

NAME_LENGTH: Final = 34
"""Characters of a layer's name beside an axis."""

WORK: Final[Mapping[str, tuple[str, str]]] = {
    "load": ("loading data", "#4e79a7"),
    "wload": ("loading weights", "#3fa39b"),
    "store": ("storing", "#9b6a9e"),
    "array": ("multiplying", "#4a9a45"),
    "vector": ("vector work", "#f08a24"),
}
"""What each kind of unit does when it is busy, and its colour."""

STALLS: Final[Mapping[str, tuple[str, str]]] = {
    "data": ("waiting for data", "#b5cfe9"),
    "weights": ("waiting for weights", "#b2ded9"),
    "space": ("waiting for space", "#dccbe2"),
    "vector": ("waiting for vector units", "#fbd3a6"),
    "port": ("waiting for DRAM's port", "#b3b8be"),
    "token": ("waiting for its turn", "#ece3b4"),
    "configuration": ("waiting to be reconfigured", "#f4b8bb"),
    "reconfiguration": ("being reconfigured", "#d9474b"),
    "code": ("waiting for code", "#e4e6e8"),
}
"""What each cause of a stall means, and its colour."""

SERIES: Final = (
    "#4e79a7",
    "#f08a24",
    "#4a9a45",
    "#d9474b",
    "#9b6a9e",
    "#3fa39b",
    "#c9b02f",
    "#8c6d55",
    "#e08fb0",
    "#7f878f",
    "#1f3f66",
    "#a5d18f",
    "#7a1f3d",
    "#f2c879",
)
"""Colours of what has none of its own."""

INK: Final = "#24292f"
PALE_INK: Final = "#6e7781"
GRID: Final = "#e6e9ed"


@dataclass(frozen=True)
class Time:
    """Cycles as time: `unit` is the name of the unit, `per_second` how many are a second."""

    hz: int
    unit: str
    per_second: float

    @staticmethod
    def of(cycles: int, hz: int) -> "Time":
        """The largest of s, ms and µs of which `cycles` are at least ten, or µs."""
        for unit, per_second in (("s", 1.0), ("ms", 1e3)):
            if cycles / hz * per_second >= 10:
                return Time(hz, unit, per_second)
        return Time(hz, "µs", 1e6)

    def __call__(self, cycles: float) -> float:
        """`cycles` in this unit."""
        return round(cycles * self.per_second / self.hz, 6)


def shortened(name: str) -> str:
    """A layer's name short enough to stand beside an axis, safe in HTML."""
    if len(name) > NAME_LENGTH:
        half = (NAME_LENGTH - 1) // 2
        name = f"{name[:half]}…{name[-half:]}"
    return escape(name)


def kind_of(machine: Machine, unit: str) -> str:
    """The kind of a unit, a key of `WORK`."""
    part = machine.unit(unit)
    if not isinstance(part, Dma):
        return machine.unit_kind(unit)
    source, target = part.path
    if source != machine.dram.name:
        return "store"
    return "load" if target == machine.memory_for("I").name else "wload"


def axis(title: str, **more: object) -> dict[str, Any]:
    """An axis with a title, which names the unit."""
    return {
        "title": {"text": title, "font": {"size": 13}, "standoff": 8},
        "gridcolor": GRID,
        "zerolinecolor": GRID,
        "linecolor": "#c6ccd2",
        "tickfont": {"size": 11},
        "automargin": True,
        **more,
    }


def layout(height: int, **more: object) -> dict[str, Any]:
    """A layout of so many pixels, its legend above the plot."""
    return {
        "height": height,
        "margin": {"l": 64, "r": 24, "t": 16, "b": 48},
        "font": {"family": "system-ui, -apple-system, 'Segoe UI', sans-serif", "color": INK},
        "plot_bgcolor": "#fff",
        "paper_bgcolor": "#fff",
        "hoverlabel": {"align": "left", "font": {"size": 12}, "bgcolor": "#fff"},
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1,
            "xanchor": "left",
            "yanchor": "bottom",
            "font": {"size": 11},
            "traceorder": "normal",
        },
        **more,
    }
