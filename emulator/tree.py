"""A program's flat instruction list as a tree of loops, and ways to walk through it.

`loop` and `end` become `Loop` nodes, `sem` becomes an entry of `Tree.credits`, everything else a
`Step`. A *dynamic instruction* is a step together with the counters of its enclosing loops,
outermost first.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..backend.code import Code, Instruction
from ..errors import TilefoldError

MAX_DYNAMIC = 20_000_000
"""The most dynamic instructions that a program may have; beyond, emulation would not end soon."""

Counters = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Step:
    """One instruction in its loop nest.

    `index` is its place in the flat list, `counts` the trip counts of the enclosing loops
    (outermost first), `layer` an index into the program's layers or -1.
    """

    index: int
    instruction: Instruction
    unit: str
    counts: tuple[int, ...]
    layer: int

    @property
    def mnemonic(self) -> str:
        """The instruction's name."""
        return self.instruction.mnemonic


@dataclass(frozen=True, eq=False)
class Loop:
    """A hardware loop: `body` runs `count` times."""

    count: int
    body: "tuple[Step | Loop, ...]"


Node = Step | Loop


@dataclass(frozen=True, eq=False)
class Tree:
    """A program: initial credits by semaphore, and its steps in loops."""

    credits: Mapping[int, int]
    body: tuple[Node, ...]
    steps: tuple[Step, ...] = field(repr=False)


def build(code: Code, layer_of: Sequence[int] = ()) -> Tree:
    """The loop tree of `code`, which obeys `Code.check`.

    `layer_of` gives a layer index per flat instruction, -1 for none. Raises TilefoldError when the
    program runs more than MAX_DYNAMIC instructions.
    """
    initial: dict[int, int] = {}
    steps: list[Step] = []
    stack: list[tuple[int, list[Node]]] = [(1, [])]
    for index, instruction in enumerate(code.instructions):
        match instruction.mnemonic:
            case "sem":
                initial[instruction.integer("id")] = instruction.integer("credits")
            case "loop":
                stack.append((instruction.integer("count"), []))
            case "end":
                count, body = stack.pop()
                stack[-1][1].append(Loop(count, tuple(body)))
            case "halt":
                pass
            case _:
                counts = tuple(count for count, _ in stack[1:])
                layer = layer_of[index] if index < len(layer_of) else -1
                step = Step(index, instruction, instruction.unit, counts, layer)
                steps.append(step)
                stack[-1][1].append(step)
    tree = Tree(initial, tuple(stack[0][1]), tuple(steps))
    if (dynamic := length(tree.body)) > MAX_DYNAMIC:
        raise TilefoldError(
            f"the program runs {dynamic} instructions; at most {MAX_DYNAMIC} can be emulated"
        )
    return tree


def length(body: Sequence[Node]) -> int:
    """How many dynamic instructions `body` runs."""
    return sum(node.count * length(node.body) if isinstance(node, Loop) else 1 for node in body)


def walk(body: Sequence[Node], counters: Counters = ()) -> Iterator[tuple[Step, Counters]]:
    """Every dynamic instruction of `body` in program order."""
    for node in body:
        if isinstance(node, Step):
            yield node, counters
        else:
            for iteration in range(node.count):
                yield from walk(node.body, (*counters, iteration))
