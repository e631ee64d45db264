"""The reference page of the ISA, written from the instruction table.

`python -m tilefold.backend.isa_reference > docs/isa.md` brings the page up to date.
"""

from collections.abc import Iterator

from ..dialects.isa_operands import MAX_DIMS, MAX_LOOPS, ElementType
from ..dialects.isa_table import INSTRUCTIONS, ISA_VERSION, Field, InstructionSpec, Kind, UnitKind
from . import encoding

EXAMPLE = """\
.isa 1
.machine "tiny" "9f0c"
.network "example"
.dma load store
.arrays conv.0 conv.1
.vectors act
.memories dram data weights
sem id=0, credits=2          ; two free slots
sem id=1, credits=0
loop count=4
  wait @load, sem=0
  load @load, src=dram[0x1000] u8 (8*i0-1:10 of 30 by 480, -1:32 of 30 by 16, 16 by 1), \
dst=local data[0x0 ring 2 x 5120 over 1] u8 (10 by 512, 32 by 16, 16 by 1), pad=128
  signal @load, sem=1
  wait @store, sem=1
  store @store, src=local data[0x0 ring 2 x 5120 over 1] u8 (10 by 512, 32 by 16, 16 by 1), \
dst=dram[0x8000] u8 (10*i0:10 of 40 by 512, 32 by 16, 16 by 1)
  signal @store, sem=0
end
halt
"""
"""The example program of the page."""

_INTRODUCTION = f"""\
# The instruction set

Version {ISA_VERSION}. This page is written by `python -m tilefold.backend.isa_reference` from
`dialects/isa_table.py`; change the table, not the page.

## Execution

A program is one list of instructions in a sequentially correct order. Each instruction belongs to
the queue of one unit (a DMA class, an array unit or a vector class); `configure` belongs to the
queues of all units that it names. Every queue runs its own instructions in order, with all loops,
at its own pace; `wait` and `signal` order the queues. An array starts an instruction before the
results of those before it have drained: one that reads them waits for a token, even of its own. The
*values* that a program computes are those of program order.

## Text

```
{EXAMPLE}```

Seven directives, in this order, name the version, the machine (with its digest), the network, the
queues and the memories. Then one instruction a line: the mnemonic and its operands, separated by
commas, in any order. `@name` is the unit; every other operand is `name=value`. A comment runs from
`;` to the end of the line. The grammar is `backend/isa.lark`; `tilefold-as` assembles and
`tilefold-objdump` shows binaries and program files.

| kind | values | example |
|---|---|---|
| `u8` `u16` `u32` `i32` | integers of that range, decimal or `0x` | `pad=128` |
| `f32` | a finite float32, as the shortest decimal that rounds to it | `ra=0.125` |
| `semaphore` | the number of a declared semaphore | `sem=3` |
| `unit` | a queue of the machine | `@conv.0` |
| `levels` | a set of loop levels | `reduce={{1, 2}}` |
| `view` | elements of a tensor, see below | `src=dram[0x1000] u8 (8*i0-1:10 of 30 by 480)` |

## Views

    [local] MEMORY[BASE [ring DEPTH x STRIDE over LEVEL]] TYPE (DIM, ...)

    DIM = [ORIGIN:]SIZE [of EXTENT] by STRIDE

A view names elements j, one coordinate a dimension (at most {MAX_DIMS}, innermost last), with
0 <= j < SIZE. ORIGIN is `[coefficient*]i<level> ... constant`, affine in the counters of the
enclosing loops, `i0` the outermost of at most {MAX_LOOPS}; it is 0 when left out. EXTENT is SIZE
when left out. TYPE is one of {", ".join(f"`{element}`" for element in ElementType)}.

- Element j is **valid** if 0 <= ORIGIN + j < EXTENT in every dimension. Origin and extent are how
  ragged edges and halos need no special case: loads fill what is invalid, stores drop it, and
  compute skips it and takes no time for it.
- Its position p is ORIGIN + j in a global view, whose BASE is the first element of a tensor, and j
  in a `local` one, whose BASE is the first element of a tile in a buffer.
- It lies at bit `8 * (BASE + slot * ring STRIDE) + bits * sum(p * STRIDE)`; strides count elements.
  Elements narrower than a byte lie little end first. Rows that are written start at whole bytes,
  and the bits after the end of a row are written as 0.
- `slot` is the number of the iteration, counted over the LEVEL outermost loops together, modulo
  DEPTH; 0 without a ring.
"""


def render() -> str:
    """The page, as Markdown."""
    return "\n".join((_INTRODUCTION, *_instructions(), _binary()))


def _instructions() -> Iterator[str]:
    yield "## Instructions\n"
    yield "| opcode | instruction | queue | |\n|---|---|---|---|"
    for spec in INSTRUCTIONS.values():
        yield f"| `{spec.opcode:#04x}` | `{spec.mnemonic}` | {_queue(spec)} | {spec.summary} |"
    yield ""
    for spec in INSTRUCTIONS.values():
        yield f"### `{spec.mnemonic}`\n"
        yield f"{spec.summary[0].upper()}{spec.summary[1:]}.\n\n{spec.doc.rstrip()}\n"
        if spec.fields:
            yield "| operand | kind | |\n|---|---|---|"
            yield from map(_row, spec.fields)
            yield ""


def _queue(spec: InstructionSpec) -> str:
    if spec.unit is None:
        return "all"
    return "any one" if spec.unit is UnitKind.ANY else spec.unit


def _row(field: Field) -> str:
    limits: list[str] = []
    if field.bounds:
        limits.append(f"{field.bounds[0]} to {field.bounds[1]}")
    if field.kind is Kind.VIEW:
        limits.append("written" if field.access == "write" else "read")
    if field.scope:
        limits.append(field.scope)
    if field.types:
        limits.append(" or ".join(field.types))
    text = f"{field.doc} ({', '.join(limits)})" if limits else field.doc
    return f"| `{field.name}` | {field.kind} | {text} |"


def _binary() -> str:
    return f"## Binary\n\n{(encoding.__doc__ or '').split(chr(10), 2)[2]}"


if __name__ == "__main__":
    print(render(), end="")
