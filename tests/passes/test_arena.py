"""Packing: nothing overlaps, nothing ends lower than the bound, and seeds decide."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st
from tilefold.passes.arena import Arena, Life, load, packed

LIVES = st.lists(
    st.builds(
        lambda size, first, turns: Life(size, first, first + turns),
        st.integers(1, 40),
        st.integers(0, 12),
        st.integers(0, 6),
    ),
    max_size=14,
)


def end(lives: list[Life], addresses: list[int]) -> int:
    """The end of the highest place."""
    ends = (at + life.size for life, at in zip(lives, addresses, strict=True))
    return max(ends, default=0)


@given(LIVES, st.integers(0, 100))
def test_what_is_needed_at_once_lies_apart(lives: list[Life], start: int) -> None:
    addresses = packed(lives, start)
    for (one, low), (other, place) in combinations(zip(lives, addresses, strict=True), 2):
        if one.last >= other.first and other.last >= one.first:
            assert low + one.size <= place or place + other.size <= low
    assert all(address >= start for address in addresses)


@given(LIVES)
def test_no_packing_ends_below_the_bound_or_above_first_fit(lives: list[Life]) -> None:
    arena = Arena()
    for life in lives:
        arena.put(life)
    assert load(lives) <= end(lives, packed(lives)) <= arena.end
    assert load(lives) == max(
        (sum(x.size for x in lives if x.first <= turn <= x.last) for turn in range(20)), default=0
    )


@given(LIVES, st.integers())
def test_the_seed_decides(lives: list[Life], seed: int) -> None:
    assert packed(lives, seed=seed) == packed(lives, seed=seed)


def test_orders_are_tried_until_one_is_perfect() -> None:
    # The order given leaves a hole of 2 under the third; the largest first does not.
    lives = [Life(2, 0, 1), Life(3, 1, 2), Life(5, 2, 3)]
    arena = Arena()
    assert [arena.put(life) for life in lives] == [0, 2, 5]
    assert arena.end == 10
    assert load(lives) == 8
    assert end(lives, packed(lives)) == 8
