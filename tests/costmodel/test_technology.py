"""Technology tables: what ships, scaling, lookup, and the errors for wrong files."""

import math
import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tilefold.costmodel.technology import Technology, load_technology, names
from tilefold.costmodel.technology.reading import SECTIONS
from tilefold.errors import TilefoldError

FOLDER = Path(load_technology.__code__.co_filename).parent
TABLES = {name: load_technology(name) for name in names()}

ENERGY = {
    45: (1.103, -0.362, 0.2767),
    32: (0.9559, -0.7823, 0.471),
    20: (0.373, -0.1582, 0.04104),
    16: (0.2958, -0.1241, 0.03024),
    7: (0.1776, -0.09097, 0.02447),
}
"""Stillmaker and Baas (2017): coefficients of the energy factor, a V^2 + b V + c."""

AREA = {45: 1.0, 32: 0.46, 20: 0.21, 16: 0.19, 7: 0.059}
"""Stillmaker and Baas (2017): area relative to 45 nm."""


def test_the_tables_of_the_package() -> None:
    assert names() == ("45nm", "28nm", "16nm", "7nm")
    assert [table.node_nm for table in TABLES.values()] == [45, 28, 16, 7]


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_section_names_its_source(table: Technology) -> None:
    assert all(getattr(table, section).source for section in SECTIONS)
    assert all(entry.source for entry in table.dram.values())
    assert bool(table.rule) == bool(table.scaled)


def energy_factor(node: int, volts: float) -> float:
    a, b, c = ENERGY[node]
    return a * volts**2 + b * volts + c


def at_28(at_32: float, at_20: float) -> float:
    """Interpolates logarithms between 32 and 20 nm."""
    weight = math.log(28 / 20) / math.log(32 / 20)
    return at_32**weight * at_20 ** (1 - weight)


def test_scaling_follows_the_rule_in_the_documentation() -> None:
    base = energy_factor(45, 0.9)
    energy = {28: at_28(energy_factor(32, 0.9), energy_factor(20, 0.9)) / base}
    energy |= {16: energy_factor(16, 0.8) / base, 7: energy_factor(7, 0.7) / base}
    area = {28: at_28(AREA[32], AREA[20]), 16: AREA[16], 7: AREA[7]}
    large = TABLES["45nm"]
    for node in (28, 16, 7):
        small = TABLES[f"{node}nm"]
        assert small.adder.pj / large.adder.pj == pytest.approx(energy[node], rel=0.005)
        assert small.adder.um2 / large.adder.um2 == pytest.approx(area[node], rel=0.005)
        assert small.logic == large.logic
        assert small.dram == large.dram


@pytest.mark.parametrize(("large", "small"), list(pairwise(TABLES.values())), ids=str)
def test_smaller_nodes_take_less(large: Technology, small: Technology) -> None:
    for widths in ((2, 2), (4, 8), (8, 8)):
        for kind in ("fixed", "scalable"):
            big, little = getattr(large, kind), getattr(small, kind)
            assert little.energy(*widths) < big.energy(*widths)
            assert little.area(*widths) < big.area(*widths)
    assert small.interconnect.pj_per_bit_hop < large.interconnect.pj_per_bit_hop
    for lines in (64, 1000, 50_000):
        big, little = (table.sram.memory(lines, 200) for table in (large, small))
        assert little.read_pj < big.read_pj
        assert little.write_pj < big.write_pj
        assert little.um2 < big.um2


def test_multipliers_at_and_between_the_table() -> None:
    fixed = TABLES["45nm"].fixed
    assert fixed.energy(8, 8) == pytest.approx(0.203)
    assert fixed.energy(4, 4) == pytest.approx(0.082)
    assert fixed.area(8, 8) == pytest.approx(511)
    assert fixed.energy(8, 4) == fixed.energy(4, 8) == pytest.approx(math.sqrt(0.203 * 0.082))
    # The rule for unequal widths, on measured ratios of 28 nm arrays: 8x8, 8x4, 4x4 bits.
    for eight, mixed, four in ((561, 272, 133), (475, 234, 118), (401, 216, 117)):
        assert math.sqrt(eight * four) == pytest.approx(mixed, rel=0.02)


widths = st.integers(2, 8)


@given(widths, widths, widths)
def test_wider_operands_never_cost_less(act: int, wgt: int, more: int) -> None:
    for kind in (TABLES["45nm"].fixed, TABLES["45nm"].scalable):
        wide, narrow = max(wgt, more), min(wgt, more)
        assert kind.energy(act, narrow) <= kind.energy(act, wide)
        assert kind.area(act, narrow) <= kind.area(act, wide)


def test_sram_at_and_beyond_the_table() -> None:
    sram = TABLES["45nm"].sram
    point = sram.memory(1024, 64)
    assert (point.read_pj, point.write_pj) == pytest.approx((6.14, 7.88))
    assert (point.um2, point.leakage_uw) == pytest.approx((26300, 0.257))
    middle = sram.memory(1448, 64)
    assert middle.read_pj == pytest.approx(math.sqrt(6.14 * 11.6), rel=0.001)
    wide, tall = sram.memory(1024, 256), sram.memory(32768, 128)
    assert wide.read_pj == pytest.approx(2 * 10.7)
    assert tall.read_pj == pytest.approx(76.1)
    assert (tall.um2, tall.leakage_uw) == pytest.approx((2 * 888_000, 2 * 6.27))
    assert sram.memory(3, 8) == sram.memory(64, 32)


@given(st.integers(1, 1 << 17), st.integers(1, 4096), st.integers(1, 32))
def test_sram_is_never_free_and_wide_words_are_macros(lines: int, bits: int, wide: int) -> None:
    for table in TABLES.values():
        macro = table.sram.memory(lines, bits)
        assert min(macro.read_pj, macro.write_pj, macro.um2, macro.leakage_uw) > 0
        one, several = (table.sram.memory(lines, 128 * n) for n in (1, wide))
        assert several.read_pj == pytest.approx(wide * one.read_pj)
        assert several.um2 == pytest.approx(wide * one.um2)


def test_dram_kinds() -> None:
    table = TABLES["16nm"]
    assert table.dram_kind("lpddr4").pj_per_bit == 8
    assert table.dram_kind("").pj_per_bit == 15
    with pytest.raises(TilefoldError, match="technology 16nm has no DRAM 'ddr9'; it has lpddr4"):
        table.dram_kind("ddr9")


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'name = "mine"\nnode_nm = 12\nvolts = 0.8\n'
        '[scaled]\nbase = "16nm"\nenergy = 0.5\narea = 0.25\nsource = "test"\n'
        '[adder]\npj = 7\num2 = 9\nsource = "test"\n'
        '[dram.gddr6]\npj_per_bit = 6\nsource = "test"\n'
    )
    mine, base = load_technology(path), TABLES["16nm"]
    assert mine.adder.pj == 7
    assert "adder" not in mine.scaled
    assert mine.lane.add_pj == base.lane.add_pj / 2
    assert mine.sram.um2[3][1] == base.sram.um2[3][1] / 4
    assert mine.dram_kind("gddr6").pj_per_bit == 6
    assert mine.dram_kind("lpddr4") == base.dram_kind("lpddr4")
    assert "16nm times 0.5 (energy), 0.25 (area): test" in mine.rule


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("pj_per_bit = 0.0090", "pj_per_bot = 0.0090", r"unknown key `register\.pj_per_bot`"),
        ("pj_per_bit = 0.0090\n", "", r"key `register\.pj_per_bit` is missing"),
        ("pj_per_bit = 0.0090", 'pj_per_bit = "x"', r"register\.pj_per_bit must be a positive n"),
        ("pj_per_bit = 0.0090", "pj_per_bit = -1", r"must be a positive number, not -1"),
        ("pj_per_bit = 0.0090", "pj_per_bit = nan", r"must be a positive number, not nan"),
        ("pj_per_bit = 0.0090", "pj_per_bit = true", r"must be a positive number, not True"),
        ("bits = [2, 4, 8, 16]", "bits = [2, 8, 4, 16]", r"fixed\.bits: give at least two rising"),
        ("pj = [0.041, 0.082, 0.203, 0.603]", "pj = [1, 2]", r"fixed\.pj: give 4 numbers"),
        ("  [0.672, 1.41, 3.38],\n", "", r"sram\.read_pj: give 9 rows of 3 numbers"),
        ("  [0.672, 1.41, 3.38],", "  4,", r"sram\.read_pj must be a list"),
        ('name = "45nm"', 'name = " "', "name must be a string that is not empty"),
        ("[register]", "[regster]", "unknown key `regster`"),
        ("[adder]", "[[adder]]", "adder must be a table"),
        ("[adder]", "[adder", "Expected ']'"),
        ("volts = 0.9\n", "", "key `volts` is missing"),
    ],
)
def test_wrong_files_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = (FOLDER / "45nm.toml").read_text()
    assert old in text
    path = tmp_path / "wrong.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(TilefoldError, match=f"{re.escape(str(path))}: .*{message}") as caught:
        load_technology(path)
    assert "\n" not in str(caught.value)


def test_files_and_names_that_do_not_exist(tmp_path: Path) -> None:
    with pytest.raises(TilefoldError, match="no technology is named '45mm'; did you mean 45nm"):
        load_technology("45mm")
    with pytest.raises(TilefoldError, match="cannot be read: No such file"):
        load_technology(tmp_path / "none.toml")
    text = (FOLDER / "16nm.toml").read_text()
    (tmp_path / "based.toml").write_text(text.replace('base = "28nm"', 'base = "x"'))
    with pytest.raises(TilefoldError, match=r"scaled\.base must be one of 45nm, 28nm, 16nm, 7nm"):
        load_technology(tmp_path / "based.toml")
    (tmp_path / "large.toml").write_text("#" * ((1 << 20) + 1))
    with pytest.raises(TilefoldError, match="no table is that large"):
        load_technology(tmp_path / "large.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff")
    with pytest.raises(TilefoldError, match="is not text in UTF-8"):
        load_technology(tmp_path / "binary.toml")
