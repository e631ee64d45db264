"""Energy and area: the worked example of the page, prices by hand, sums."""

from pathlib import Path

import pytest
import tilefold
from hypothesis import given
from hypothesis import strategies as st
from tilefold.costmodel.area import area, leakage
from tilefold.costmodel.array import conv_cost
from tilefold.costmodel.energy import Action, Actions, Prices, precision
from tilefold.costmodel.technology import load_technology, names
from tilefold.errors import TilefoldError
from tilefold.machines import load_machine
from tilefold.machines.model import Fold, Machine, parse_machine

PAGE = Path(next(iter(tilefold.__path__))) / "docs" / "energy.md"
TINY = load_machine("tiny")
TABLE = load_technology("45nm")
PRICES = Prices(TINY, TABLE)


def example() -> tuple[Actions, int]:
    """What the convolution of docs/time.md does on one of the two units of `tiny`."""
    cost = conv_cost(
        TINY.array("conv"), "dense", Fold(), rows=8, cols=8, k=6, c=5, kh=3, kw=3, drain_lanes=4
    )
    inputs, weights = int(cost.input_reads), int(cost.weight_loads)
    outputs = 8 * 8 * 6
    actions = Actions(
        {
            Action("product", "conv", 8, 8): int(cost.macs),
            Action("keep", "conv"): 8 * weights,
            Action("sum", "conv"): int(cost.accumulator_writes),
            Action("drain", "conv"): outputs,
            Action("link", "conv"): 8 * inputs + 8 * weights + 32 * outputs,
            Action("requantise", "act"): outputs,
            Action("read", "data"): inputs,
            Action("read", "weights"): weights + 6 * 12,
            Action("write", "data"): outputs,
        }
    )
    return actions, int(cost.occupancy) + int(cost.latency)


def test_the_worked_example_of_the_page() -> None:
    actions, cycles = example()
    energy = PRICES.energy(actions, cycles)
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    count = {action: f"{number:,}" for action, number in actions.items()}
    for action, component in (
        (Action("product", "conv", 8, 8), "conv 8x8"),
        (Action("keep", "conv"), "conv registers"),
        (Action("link", "conv"), "conv links"),
        (Action("requantise", "act"), "act"),
        (Action("read", "data"), "data read"),
        (Action("write", "data"), "data written"),
        (Action("read", "weights"), "weights read"),
    ):
        price = PRICES.of(action)
        assert price.component == component
        row = f"| {component} | {count[action]} | {price.pj:.4g} | {energy[component]:,.1f} |"
        assert row in page, row
    for phrase in (
        f"| conv accumulators | 6,912 and 384 | 2.223 and 0.845 "
        f"| {energy['conv accumulators']:,.1f} |",
        f"| leakage | {cycles:,} cycles | {leakage(TINY, TABLE) * 1e6 / TINY.hz:.4g} "
        f"| {energy['leakage']:,.1f} |",
        f"| total | | | {sum(energy.values()):,.1f} |",
        f"{sum(area(TINY, TABLE).values()):.4f} mm2",
    ):
        assert phrase in page, phrase


def test_the_worked_example_by_hand() -> None:
    actions, cycles = example()
    energy = PRICES.energy(actions, cycles)
    assert energy["conv 8x8"] == pytest.approx(17280 * 0.459)
    assert energy["conv registers"] == pytest.approx(1080 * 8 * 0.009)
    # A line holds four columns of 32 bits: one macro of 64 words of 128 bits.
    accumulators = 6912 * (3.38 / 4 + 0.1 + 5.11 / 4) + 384 * 3.38 / 4
    assert energy["conv accumulators"] == pytest.approx(accumulators)
    assert energy["conv links"] == pytest.approx((5760 * 8 + 1080 * 8 + 384 * 32) * 0.61)
    assert energy["act"] == pytest.approx(384 * (3.7 + 0.9))
    # A bank of `data` has 256 words of 32 bits, one of `weights` 128.
    assert energy["data read"] == pytest.approx(5760 * 1.32 / 4)
    assert energy["data written"] == pytest.approx(384 * 2.07 / 4)
    assert energy["weights read"] == pytest.approx((1080 + 72) * 0.846 / 4)
    assert energy["leakage"] == pytest.approx(leakage(TINY, TABLE) * 2325 * 10e-9 * 1e6)
    assert len(energy) == 9


def test_area_by_hand() -> None:
    parts = area(TINY, TABLE)
    assert parts == pytest.approx(
        {
            "conv multipliers": 32 * 1735e-6,
            "conv registers": 32 * 2 * 8 * 5.98e-6,
            "conv accumulators": 2 * 2 * 5320e-6,
            "act": 4 * 4774e-6,
            "act tables": 4 * 1060e-6,
            "data": 4 * 3430e-6,
            "weights": 4 * 1890e-6,
        }
    )
    logic = parts["conv multipliers"] + parts["conv registers"] + parts["act"]
    srams = 4 * (0.039 + 0.0117 + 0.0353 + 0.0219)
    assert leakage(TINY, TABLE) == pytest.approx(logic * 13300 + srams)


def changed(old: str, new: str) -> Machine:
    assert old in TINY.text
    return parse_machine(TINY.text.replace(old, new), "changed")


def product(machine: Machine, act: int, wgt: int) -> tuple[str, float]:
    price = Prices(machine, TABLE).of(Action("product", "conv", act, wgt))
    return price.component, price.pj


def test_narrow_products_cost_less_where_the_machine_makes_more_of_them() -> None:
    assert product(TINY, 8, 8) == ("conv 8x8", pytest.approx(0.459))
    assert product(TINY, 8, 4) == ("conv 8x4", pytest.approx(0.459 / 2))
    assert product(TINY, 4, 4) == ("conv 4x4", pytest.approx(0.459 / 4))
    assert product(TINY, 3, 4) == ("conv 4x4", pytest.approx(0.459 / 4))
    assert product(TINY, 2, 2) == ("conv 2x2", pytest.approx(0.459 / 16))


def test_fixed_multipliers_cost_what_their_width_costs() -> None:
    every = "precisions = [[8, 8, 1], [8, 4, 2], [4, 4, 4], [2, 2, 16]]"
    eight, four = (
        changed(every, "precisions = [[8, 8, 1]]"),
        changed(every, "precisions = [[4, 4, 1]]"),
    )
    both = changed(every, "precisions = [[8, 8, 1], [4, 4, 1]]")
    assert product(eight, 8, 8) == product(eight, 4, 2) == ("conv 8x8", pytest.approx(0.203))
    assert product(four, 4, 4) == product(both, 4, 4) == ("conv 4x4", pytest.approx(0.082))
    assert precision(both.array("conv"), 5, 4) == (8, 8, 1)
    assert area(four, TABLE)["conv multipliers"] == pytest.approx(32 * 192e-6)
    assert area(both, TABLE)["conv multipliers"] == pytest.approx(32 * 511e-6)
    with pytest.raises(TilefoldError, match="cannot multiply 8-bit activations"):
        product(four, 8, 8)


def test_dram_is_charged_by_its_standard() -> None:
    unnamed = PRICES.of(Action("read", "dram"))
    assert unnamed == ("dram read", pytest.approx(8 * 15))
    lpddr4 = changed('kind = "dram"', 'standard = "lpddr4", kind = "dram"')
    assert Prices(lpddr4, TABLE).of(Action("write", "dram")) == ("dram written", 8 * 8)
    foreign = changed('kind = "dram"', 'standard = "gddr6", kind = "dram"')
    with pytest.raises(TilefoldError, match="45nm has no DRAM 'gddr6'"):
        Prices(foreign, TABLE).of(Action("read", "dram"))


def test_lanes() -> None:
    prices = {what: PRICES.of(Action(what, "act")) for what in ("add", "pool", "table")}
    assert {price.component for price in prices.values()} == {"act"}
    assert [price.pj for price in prices.values()] == pytest.approx([9.2, 0.1, 0.672 / 4])


actions_of_tiny = st.dictionaries(
    st.one_of(
        st.builds(
            Action, st.just("product"), st.just("conv"), st.integers(2, 8), st.integers(2, 8)
        ),
        st.builds(Action, st.sampled_from(("keep", "sum", "drain", "link")), st.just("conv")),
        st.builds(Action, st.sampled_from(("requantise", "add", "pool", "table")), st.just("act")),
        st.builds(
            Action,
            st.sampled_from(("read", "write")),
            st.sampled_from(("dram", "data", "weights")),
        ),
    ),
    st.integers(0, 1 << 40),
    max_size=12,
).map(Actions)
cycles = st.integers(0, 1 << 40)


@given(actions_of_tiny, actions_of_tiny, cycles, cycles)
def test_energy_is_a_sum_over_actions_and_cycles(
    first: Actions, second: Actions, before: int, after: int
) -> None:
    parts = PRICES.energy(first, before), PRICES.energy(second, after)
    whole = PRICES.energy(first + second, before + after)
    assert set(whole) == {*parts[0], *parts[1]}
    for component, energy in whole.items():
        assert energy == pytest.approx(sum(part.get(component, 0) for part in parts))


@given(actions_of_tiny, cycles)
def test_smaller_nodes_never_take_more(actions: Actions, cycles: int) -> None:
    totals = [
        sum(Prices(TINY, load_technology(name)).energy(actions, cycles).values())
        for name in names()
    ]
    assert totals == sorted(totals, reverse=True)


@pytest.mark.parametrize("name", ["dna_a600", "tpu_like", "tiny"])
def test_smaller_nodes_are_smaller(name: str) -> None:
    machine = load_machine(name)
    sizes = [sum(area(machine, load_technology(node)).values()) for node in names()]
    assert sizes == sorted(sizes, reverse=True)
    leaks = [leakage(machine, load_technology(node)) for node in names()]
    assert leaks == sorted(leaks, reverse=True)


def test_the_comparison_with_published_figures() -> None:
    page = PAGE.read_text(encoding="utf-8")
    new = load_technology("28nm")
    kilobyte, sixteen = TABLE.sram.memory(256, 32), TABLE.sram.memory(4096, 32)
    scalable = new.scalable.area(8, 8) * 256 / 1e6
    for here in (
        f"| 10 pJ | {TABLE.sram.memory(1024, 64).read_pj:.3g} pJ |",
        f"| 0.28 / 2.50 pJ | {kilobyte.read_pj / 4:.2f} / {sixteen.read_pj / 4:.2f} pJ |",
        f"| 0.0088 / 0.1086 mm2 | {kilobyte.um2 / 1e6:.4f} / {sixteen.um2 / 1e6:.4f} mm2 |",
        f"| 416 pJ | {new.sram.memory(8192, 2048).read_pj:.0f} pJ at 28 nm |",
        f"| 0.3 pJ | {TABLE.fixed.energy(8, 8):.3g} pJ |",
        f"| 0.04 pJ | {new.fixed.energy(8, 8):.3f} pJ at 28 nm |",
        f"| 0.095 pJ | {8 * TABLE.register.pj_per_bit:.3f} pJ to write 8 bits, 45 nm |",
        f"| 0.186 mm2 | {scalable:.3f} mm2 |",
        f"| 1.12 pJ | {new.scalable.energy(8, 8):.2f} pJ without them |",
    ):
        assert here in page, here


def test_the_table_on_the_page_loads(tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    (tmp_path / "mine.toml").write_text(text)
    assert load_technology(tmp_path / "mine.toml").dram_kind("lpddr5").pj_per_bit == 5
