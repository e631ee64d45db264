"""Places in a memory by first fit, shared by what is not needed at the same time."""

from dataclasses import dataclass, field


@dataclass
class Arena:
    """A memory from address `start` on, and what was put there, each with its lifetime.

    Lifetimes are turns, the first and the last one included.
    """

    start: int = 0
    _placed: list[tuple[int, int, int, int]] = field(
        default_factory=list[tuple[int, int, int, int]]
    )

    def lowest(self, size: int, first: int, last: int) -> int:
        """The lowest address at which `size` bytes are free from turn `first` to `last`."""
        address = self.start
        for low, end in sorted(p[:2] for p in self._placed if p[2] <= last and first <= p[3]):
            if address + size <= low:
                break
            address = max(address, end)
        return address

    def put(self, address: int, size: int, first: int, last: int) -> None:
        """Take that place from turn `first` to `last`."""
        self._placed.append((address, address + size, first, last))

    @property
    def end(self) -> int:
        """The end of the highest place, `start` if there is none."""
        return max([self.start, *(end for _, end, _, _ in self._placed)])
