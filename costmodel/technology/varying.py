"""Technologies with other numbers in a section: what if they were wrong?"""

from dataclasses import replace
from typing import Any, Final, Literal

from .reading import scaled_section
from .table import Technology

Quantity = Literal["energy", "area", "leakage"]

_LEAKAGE: Final = "leakage_uw_per_mm2"
"""The field of `logic` for leakage."""


def times(technology: Technology, section: str, quantity: Quantity, factor: float) -> Technology:
    """`technology` with the energies, areas or leakages of a section times `factor`.

    A kind of DRAM is the section `dram.KIND`, whose energy alone there is; leakage is that of
    `logic`. An SRAM's counts with its area, as in tables that are scaled.
    """
    name, _, kind = section.partition(".")
    if kind:
        dram = technology.dram_kind(kind)
        changed = replace(dram, pj_per_bit=dram.pj_per_bit * factor)
        return replace(technology, dram={**technology.dram, kind: changed})
    old: Any = getattr(technology, name)
    if quantity == "leakage":
        new = replace(old, **{_LEAKAGE: getattr(old, _LEAKAGE) * factor})
    else:
        factors = {"energy": 1.0, "area": 1.0, quantity: factor}
        new = scaled_section(old, factors["energy"], factors["area"])
    changes: dict[str, Any] = {name: new}
    return replace(technology, **changes)
