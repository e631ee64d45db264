"""The tables of `docs/energy.md`, made from the technologies that come with the package."""

import re
from collections.abc import Callable, Iterator

from ..costmodel.technology import Technology, load_technology, names
from ..costmodel.technology.reading import SECTIONS

Value = Callable[[Technology], float]

_WIDTHS = ((8, 8), (8, 4), (4, 4), (2, 2))
_MEMORIES = ((128, 32), (1024, 64), (4096, 128), (4096, 512), (8192, 2048))
_SAME = ("logic",)
"""Sections whose numbers are the same at every node."""


def _quantities() -> Iterator[tuple[str, str, Value]]:
    """What a row of the first table shows: section, meaning, value."""
    for act, wgt in _WIDTHS:
        name = f"fixed multiplier {act} x {wgt}, pJ a product"
        yield "fixed", name, lambda t, a=act, w=wgt: t.fixed.energy(a, w)
    yield "fixed", "fixed multiplier 8 x 8, um2", lambda t: t.fixed.area(8, 8)
    yield "scalable", "scalable multiplier 8 x 8, pJ a cycle", lambda t: t.scalable.energy(8, 8)
    yield "scalable", "scalable multiplier 8 x 8, um2", lambda t: t.scalable.area(8, 8)
    yield "register", "register, pJ a bit written", lambda t: t.register.pj_per_bit
    yield "register", "register, um2 a bit", lambda t: t.register.um2_per_bit
    yield "adder", "32-bit adder, pJ", lambda t: t.adder.pj
    yield "adder", "32-bit adder, um2", lambda t: t.adder.um2
    yield "lane", "float32 multiplication, pJ", lambda t: t.lane.multiply_pj
    yield "lane", "float32 addition, pJ", lambda t: t.lane.add_pj
    yield "lane", "lane of a vector unit, um2", lambda t: t.lane.um2
    yield "interconnect", "a bit over a link, pJ", lambda t: t.interconnect.pj_per_bit_hop
    yield "logic", "leakage of logic, uW a mm2", lambda t: t.logic.leakage_uw_per_mm2


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines] + [""]


def _cell(technology: Technology, section: str, value: float) -> str:
    """A number, in italics where it is scaled from another node."""
    scaled = section in technology.scaled and section not in _SAME
    text = f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
    return f"*{text}*" if scaled else text


def tables() -> str:
    """Everything between the markers of the page."""
    every = [load_technology(name) for name in names()]
    head = [technology.name for technology in every]
    rows = [
        [name, *(_cell(each, section, value(each)) for each in every)]
        for section, name, value in _quantities()
    ]
    lines = _table(["", *head], rows)
    rows: list[list[str]] = []
    for words, bits in _MEMORIES:
        row = [f"{words} x {bits}"]
        for each in every:
            macro = each.sram.memory(words, bits)
            numbers = (macro.read_pj, macro.write_pj, macro.um2 / 1e6, macro.leakage_uw)
            row.append(" / ".join(_cell(each, "sram", number) for number in numbers))
        rows.append(row)
    lines += ["SRAM of words x bits: pJ to read / pJ to write / mm2 / uW of leakage.", ""]
    lines += _table(["", *head], rows)
    lines += ["DRAM, interface included, the same at every node:", ""]
    kinds = every[0].dram.items()
    rows = [[name, f"{kind.pj_per_bit:g}", kind.source] for name, kind in kinds]
    lines += _table(["kind", "pJ a bit", "source"], rows)
    lines += ["Sources:", ""]
    for section in SECTIONS:
        for each in every:
            if section not in each.scaled:
                lines.append(f"- `{section}` at {each.name}: {getattr(each, section).source}.")
    lines += ["", "Scaled, in italics:", ""]
    lines += [f"- {each.name}: {each.rule}." for each in every if each.rule]
    return "\n".join(lines)


def with_technology_tables(page: str) -> str:
    """The page with what stands between its two markers made anew."""
    begin, end = "<!-- technologies -->", "<!-- end of technologies -->"
    return re.sub(
        f"{begin}.*?{end}", lambda _: f"{begin}\n\n{tables()}\n\n{end}", page, flags=re.DOTALL
    )
