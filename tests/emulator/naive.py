"""Instructions element by element, straight from the pseudo-code of the instruction table."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import product

import numpy as np
from tilefold.backend.code import Instruction
from tilefold.dialects.isa_operands import View

Memories = Mapping[str, bytearray]
Index = tuple[int, ...]


class Elements:
    """A view at loop counters: valid elements by index, read and written bit by bit."""

    def __init__(
        self, view: View, counters: Sequence[int], counts: Sequence[int], memories: Memories
    ) -> None:
        self.view = view
        self.data = memories[view.memory]
        self.origins = [dim.origin.at(counters) for dim in view.dims]
        slot = view.ring.slot(counters, counts) if view.ring else 0
        self.base = view.base + (slot * view.ring.stride if view.ring else 0)
        self.written: set[Index] = set()

    def valid(self, j: Index) -> bool:
        dims = zip(j, self.view.dims, self.origins, strict=True)
        return all(0 <= e < dim.size and 0 <= o + e < dim.extent for e, dim, o in dims)

    def indices(self) -> Iterator[Index]:
        return filter(self.valid, product(*(range(dim.size) for dim in self.view.dims)))

    def bit(self, j: Index) -> int:
        places = j if self.view.local else [o + e for e, o in zip(j, self.origins, strict=True)]
        dims = zip(places, self.view.dims, strict=True)
        return self.base * 8 + sum(p * dim.stride for p, dim in dims) * self.view.bits

    def code(self, j: Index) -> int:
        start, bits = self.bit(j), self.view.bits
        if bits == 32:
            return int.from_bytes(self.data[start // 8 : start // 8 + 4], "little")
        return self.data[start // 8] >> start % 8 & (1 << bits) - 1

    def __getitem__(self, j: Index) -> int:
        code, bits = self.code(j), self.view.bits
        return code - (1 << bits) if self.view.type.signed and code >> (bits - 1) else code

    def __setitem__(self, j: Index, value: int) -> None:
        self.written.add(j)
        start, bits = self.bit(j), self.view.bits
        value &= (1 << bits) - 1
        if bits == 32:
            self.data[start // 8 : start // 8 + 4] = value.to_bytes(4, "little")
            return
        mask = (1 << bits) - 1 << start % 8
        self.data[start // 8] = self.data[start // 8] & ~mask | value << start % 8

    def write(self, values: Mapping[Index, int]) -> None:
        """Write whole rows, after all that the instruction reads was read."""
        for j, value in values.items():
            self[j] = value
        self.end_rows()

    def end_rows(self) -> None:
        """Clear the bits after every row of sub-byte elements written, to the end of its byte."""
        if self.view.bits >= 8:
            return
        for j in self.written:
            if (*j[:-1], j[-1] + 1) not in self.written:
                end = self.bit(j) + self.view.bits
                if end % 8:
                    self.data[end // 8] &= (1 << end % 8) - 1


def nearest(value: Fraction) -> np.float32:
    """The float32 nearest to an exact value, ties to even."""
    guess = np.float32(float(value))
    around = [np.nextafter(guess, np.float32(way), dtype=np.float32) for way in (-np.inf, np.inf)]
    near = [f for f in (guess, *around) if np.isfinite(f)]

    def rank(f: np.float32) -> tuple[Fraction, int]:
        return abs(Fraction(float(f)) - value), int(f.view(np.int32)) & 1

    return min(near, key=rank)


def fma(x: float, y: float, z: float) -> float:
    return float(nearest(Fraction(x) * Fraction(y) + Fraction(z)))


def clip(value: float, low: int, high: int) -> int:
    return int(min(max(value, low), high))


def requantise(total: int, multiplier: int, zero: int, low: int, high: int) -> int:
    with np.errstate(over="ignore"):
        scaled = np.float32(total) * np.int32(multiplier).view(np.float32)
    return clip(float(np.rint(scaled)) + zero, low, high)


class Machine:
    """Executes instructions on byte memories, keeping accumulators."""

    def __init__(self, memories: Memories) -> None:
        self.memories = memories
        self.sums: dict[Index, int] = {}

    def execute(
        self, instruction: Instruction, counters: Sequence[int], counts: Sequence[int]
    ) -> None:
        views = {
            field.name: Elements(instruction.view(field.name), counters, counts, self.memories)
            for field in instruction.spec.views
        }
        match instruction.mnemonic:
            case "load" | "store":
                self.copy(instruction, views)
            case "conv" | "dwconv":
                self.convolve(instruction, views, counters, counts)
            case "vadd" | "vmul" | "vlut" | "vquant":
                self.elementwise(instruction, views)
            case "vpool":
                self.pool(instruction, views)
            case _:
                pass

    def copy(self, instruction: Instruction, views: Mapping[str, Elements]) -> None:
        src, dst = views["src"], views["dst"]
        for j in dst.indices():
            if src.valid(j):
                dst[j] = src.code(j)
            elif instruction.mnemonic == "load":
                dst[j] = instruction.integer("pad")
        dst.end_rows()

    def convolve(
        self,
        instruction: Instruction,
        views: Mapping[str, Elements],
        counters: Sequence[int],
        counts: Sequence[int],
    ) -> None:
        get = instruction.integer
        src, wgt, par, dst = (views[name] for name in ("src", "wgt", "par", "dst"))
        levels = instruction.levels("reduce")
        first = all(counters[level] == 0 for level in levels)
        last = all(counters[level] == counts[level] - 1 for level in levels)
        depthwise = instruction.mnemonic == "dwconv"
        kernel = [dim.size for dim in wgt.view.dims[1:3]]
        for oy, ox, k in dst.indices():
            if first:
                self.sums[oy, ox, k] = 0
            channels = [k // get("mult")] if depthwise else range(src.view.dims[2].size)
            for ky, kx, c in product(range(kernel[0]), range(kernel[1]), channels):
                y = oy * get("stride_y") + ky * get("dil_y")
                x = ox * get("stride_x") + kx * get("dil_x")
                if src.valid((y, x, c)):
                    weight = wgt[(k, ky, kx)] if depthwise else wgt[k, ky, kx, c]
                    weight -= par[k, 2]
                    self.sums[oy, ox, k] += (src[y, x, c] - get("src_zero")) * weight
        if not last:
            return
        result: dict[Index, int] = {}
        for oy, ox, k in dst.indices():
            total = self.sums[oy, ox, k] + par[k, 0]
            assert -(2**31) <= total < 2**31
            if dst.view.bits < 32:
                zero, low, high = get("dst_zero"), get("lo"), get("hi")
                total = requantise(total, par[k, 1], zero, low, high)
            result[oy, ox, k] = total
        dst.write(result)

    def elementwise(self, instruction: Instruction, views: Mapping[str, Elements]) -> None:
        get, dst = instruction.integer, views["dst"]
        result: dict[Index, int] = {}
        for j in dst.indices():
            if instruction.mnemonic == "vlut":
                result[j] = views["table"][(views["src"].code(j),)]
            elif instruction.mnemonic == "vquant":
                par = views["par"]
                total = views["src"][j] - get("src_zero") + par[j[-1], 0]
                zero, low, high = get("dst_zero"), get("lo"), get("hi")
                result[j] = requantise(total, par[j[-1], 1], zero, low, high)
            elif instruction.mnemonic == "vmul":
                factors = views["a"][j] - get("a_zero"), views["b"][j] - get("b_zero")
                scaled = np.float32(factors[0] * factors[1]) * np.float32(instruction.real("m"))
                total = np.rint(scaled + np.float32(get("dst_zero")))
                result[j] = clip(float(total), get("lo"), get("hi"))
            else:
                inner = fma(views["a"][j], instruction.real("ra"), instruction.real("fix"))
                total = fma(views["b"][j], instruction.real("rb"), inner)
                result[j] = clip(float(np.rint(total)), get("lo"), get("hi"))
        dst.write(result)

    def pool(self, instruction: Instruction, views: Mapping[str, Elements]) -> None:
        get, src, dst = instruction.integer, views["src"], views["dst"]
        kind, zero = get("kind"), np.float32(get("dst_zero"))
        clamp = get("lo"), get("hi")
        result: dict[Index, int] = {}
        for oy, ox, c in dst.indices():
            rows, columns = range(get("kernel_y")), range(get("kernel_x"))
            window = [
                (
                    oy * get("stride_y") + y * get("dil_y"),
                    ox * get("stride_x") + x * get("dil_x"),
                    c,
                )
                for y in rows
                for x in columns
            ]
            values = [src[j] for j in window if src.valid(j)]
            if kind == 0:
                result[oy, ox, c] = clip(max(values, default=src.view.type.range[0]), *clamp)
                continue
            count = len(window) if get("include_pad") else max(1, len(values))
            scales = (np.float32(instruction.real(name)) for name in ("src_scale", "dst_scale"))
            source, target = scales
            multiplier = source / (np.float32(count) * target)
            total = np.float32(sum(value - get("src_zero") for value in values)) * multiplier
            value = np.rint(total) + zero if kind == 2 else np.rint(total + zero)
            result[oy, ox, c] = clip(float(value), *clamp)
        dst.write(result)
