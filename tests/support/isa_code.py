"""Random valid programs for property tests: every instruction, fields at their extremes."""

from typing import TypeVar

from hypothesis import strategies as st
from tilefold.backend.code import Code, Header, Instruction
from tilefold.dialects.isa_operands import (
    I32,
    MAX_LOOPS,
    U16,
    U32,
    Affine,
    Dim,
    ElementType,
    Operand,
    Ring,
    View,
)
from tilefold.dialects.isa_table import INSTRUCTIONS, Field, Kind

T = TypeVar("T")

HEADER = Header(
    machine="dna-a600 (test)",
    digest="00ff",
    network="a net; #1",
    dma=("load", "w_load", "store"),
    arrays=tuple(f"conv.{index}" for index in range(6)),
    vectors=("act",),
    memories=("dram", "data", "local"),
)
UNITS = {"dma": HEADER.dma, "array": ("conv.0",), "vector": HEADER.vectors, "any": HEADER.units}
F32 = st.floats(width=32, allow_nan=False, allow_infinity=False)


def extremes(low: int, high: int) -> st.SearchStrategy[int]:
    """Integers of a range, its ends often."""
    return st.sampled_from((low, high)) | st.integers(low, high)


@st.composite
def affines(draw: st.DrawFn, depth: int, step: int = 1) -> Affine:
    """Functions of the counters of `depth` loops, all values multiples of `step`."""
    low, high = I32[0] // step, I32[1] // step
    count = extremes(low, high).map(lambda value: value * step)
    levels = draw(st.sets(st.integers(0, depth - 1))) if depth else set[int]()
    return Affine.of(draw(count), {level: draw(count) for level in levels})


@st.composite
def views(draw: st.DrawFn, field: Field, sizes: tuple[int, ...], depth: int, bits: int = 0) -> View:
    """Views of these sizes that are allowed as operand `field`."""
    types = field.types or [kind for kind in ElementType if bits in (0, kind.bits)]
    kind = draw(st.sampled_from(list(types)))
    local = draw(st.booleans()) if field.scope is None else field.scope == "local"
    step = max(1, 8 // kind.bits) if field.access == "write" else 1
    strides = extremes(I32[0] // step, I32[1] // step).map(lambda value: value * step)
    dims: list[Dim] = []
    for index, size in enumerate(sizes):
        last = step > 1 and index == len(sizes) - 1
        origin = draw(st.just(Affine()) | affines(depth, step if last and not local else 1))
        extent = draw(st.just(size) | extremes(1, U32[1]))
        dims.append(Dim(origin, size, extent, 1 if last else draw(strides)))
    stride = draw(extremes(0, 255))
    rings = st.builds(Ring, extremes(1, U16[1]), st.just(stride), extremes(0, depth))
    ring = draw(st.none() | rings)
    base = draw(extremes(0, U32[1] - 255 * U16[1]))
    return View(draw(st.sampled_from(HEADER.memories)), base, ring, kind, local, tuple(dims))


@st.composite
def instructions(draw: st.DrawFn, mnemonic: str, depth: int, semaphores: list[int]) -> Instruction:
    """Valid instructions within `depth` loops."""
    spec = INSTRUCTIONS[mnemonic]
    operands: dict[str, Operand] = {}
    for field in spec.fields:
        match field.kind:
            case Kind.UNIT:
                operands[field.name] = draw(st.sampled_from(UNITS[str(spec.unit)]))
            case Kind.SEMAPHORE:
                operands[field.name] = draw(st.sampled_from(semaphores))
            case Kind.F32:
                operands[field.name] = draw(F32)
            case Kind.LEVELS:
                levels = st.frozensets(st.integers(0, depth - 1)) if depth else st.just(frozenset())
                operands[field.name] = draw(levels)
            case Kind.VIEW:
                pass
            case _:
                operands[field.name] = draw(extremes(*field.range))
    if mnemonic in ("configure", "prefetch"):
        folds = draw(st.permutations((draw(st.integers(1, 6)), 1, 1, 1)))
        names = ("chain", "cols", "pixels", "groups")
        operands |= dict(zip(names, folds, strict=True)) | {"units": max(folds)}
    bits = draw(st.sampled_from((2, 4, 8, 32))) if mnemonic in ("load", "store") else 0
    for name, sizes in draw(_shapes(mnemonic, operands)).items():
        width = 8 if (mnemonic, name) == ("vlut", "src") else bits
        operands[name] = draw(views(spec.by_name[name], sizes, depth, width))
    return Instruction(mnemonic, operands | draw(_clamps(operands)))


@st.composite
def _shapes(draw: st.DrawFn, mnemonic: str, operands: dict[str, Operand]) -> dict[str, tuple]:
    """Sizes of every view of an instruction that fit together."""
    size = extremes(1, 1 << 15)
    rows, columns, channels = draw(size), draw(size), draw(size)
    match mnemonic:
        case "conv" | "dwconv" | "vpool":
            kernel = draw(size), draw(size)
            if mnemonic == "vpool":
                kernel = operands["kernel_y"], operands["kernel_x"]
            source = tuple(
                (n - 1) * operands[f"stride_{a}"] + (k - 1) * operands[f"dil_{a}"] + 1
                for a, n, k in zip("yx", (rows, columns), kernel, strict=True)
            )
            if mnemonic == "vpool":
                return {"src": (*source, channels), "dst": (rows, columns, channels)}
            if mnemonic == "conv":
                k = draw(size)
                weights = (k, *kernel, channels)
            else:
                k = channels * operands["mult"]
                weights = (k, *kernel)
            shapes = {"src": (*source, channels), "wgt": weights}
            return shapes | {"par": (k, 3), "dst": (rows, columns, k)}
        case _:
            sizes = tuple(draw(st.lists(extremes(1, U32[1]), min_size=1, max_size=6)))
            names = [field.name for field in INSTRUCTIONS[mnemonic].views]
            special = {"par": (sizes[-1], 3), "table": (256,)}
            return {name: special.get(name, sizes) for name in names}


@st.composite
def _clamps(draw: st.DrawFn, operands: dict[str, Operand]) -> dict[str, Operand]:
    """A clamp that the result's type holds."""
    if "lo" not in operands:
        return {}
    dst = operands["dst"]
    assert isinstance(dst, View)
    low, high = sorted((draw(extremes(*dst.type.range)), draw(extremes(*dst.type.range))))
    return {"lo": low, "hi": high}


@st.composite
def codes(draw: st.DrawFn, mnemonic: str) -> Code:
    """Whole programs with up to three instructions `mnemonic` inside up to six loops."""
    semaphores = draw(st.lists(extremes(*U16), min_size=1, max_size=3, unique=True))
    depth = draw(st.integers(0, MAX_LOOPS))
    credit = extremes(*U16)
    program = [Instruction("sem", {"id": n, "credits": draw(credit)}) for n in semaphores]
    ones = dict.fromkeys(("units", "chain", "cols", "pixels", "groups"), 1)
    widths = {"mode": 0, "act_bits": 8, "wgt_bits": 8}
    program.append(Instruction("configure", {"unit": "conv.0", **ones, **widths}))
    count = extremes(1, U32[1])
    program += [Instruction("loop", {"count": draw(count)}) for _ in range(depth)]
    if mnemonic not in ("sem", "loop", "end", "halt", "wait", "signal"):
        for _ in range(draw(st.integers(1, 3))):
            program.append(draw(instructions(mnemonic, depth, semaphores)))
    program += [Instruction("end", {})] * depth
    for n in semaphores:
        for token in ("wait", "signal"):
            unit = draw(st.sampled_from(HEADER.units))
            program.append(Instruction(token, {"unit": unit, "sem": n}))
    return Code(HEADER, (*program, Instruction("halt", {})))
