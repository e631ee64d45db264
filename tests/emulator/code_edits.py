"""Random edits of compiled programs: of tokens, addresses, rings, loops and views."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random

from tilefold.backend.code import Code, Instruction
from tilefold.dialects.isa_operands import Affine, Operand, Ring, View

Edit = Callable[[Sequence[Instruction], Random], "list[Instruction] | None"]
"""The edited instructions, or None where there is nothing to edit."""

STEPS = (-64, -16, -8, -4, 4, 8, 16, 64)
SEM = ("wait", "signal")


def changed(instruction: Instruction, **operands: Operand) -> Instruction:
    return Instruction(instruction.mnemonic, {**instruction.operands, **operands})


def semaphores(code: Sequence[Instruction]) -> list[int]:
    return [i.integer("id") for i in code if i.mnemonic == "sem"]


def views_of(code: Sequence[Instruction]) -> list[tuple[int, str]]:
    """The index and operand of every view."""
    return [(n, field.name) for n, i in enumerate(code) for field in i.spec.views]


def with_views(
    code: Sequence[Instruction], change: Callable[[View], View | None]
) -> list[Instruction]:
    """The code with every view changed that `change` has a replacement for."""
    result: list[Instruction] = []
    for instruction in code:
        views = {
            field.name: change(instruction.view(field.name)) for field in instruction.spec.views
        }
        new = {name: view for name, view in views.items() if view is not None}
        result.append(changed(instruction, **new) if new else instruction)
    return result


def bodies(code: Sequence[Instruction]) -> Iterator[list[int]]:
    """For every loop body, the indices of the instructions with a unit right inside it."""
    stack: list[list[int]] = [[]]
    for number, instruction in enumerate(code):
        if instruction.mnemonic == "loop":
            stack.append([])
        elif instruction.mnemonic == "end":
            yield stack.pop()
        elif "unit" in instruction.operands:
            stack[-1].append(number)
    yield stack.pop()


def drop_tokens(code: Sequence[Instruction], rng: Random) -> list[Instruction] | None:
    """Drop a semaphore with all its waits and signals."""
    if not (numbers := semaphores(code)):
        return None
    number = rng.choice(numbers)
    return [
        i
        for i in code
        if not (i.mnemonic == "sem" and i.integer("id") == number)
        and not (i.mnemonic in SEM and i.integer("sem") == number)
    ]


def change_credit(code: Sequence[Instruction], rng: Random) -> list[Instruction] | None:
    """A credit more or less, or none at all."""
    places = [n for n, i in enumerate(code) if i.mnemonic == "sem"]
    if not places:
        return None
    place = rng.choice([n for n in places if code[n].integer("credits")] or places)
    credits = code[place].integer("credits")
    edited = list(code)
    edited[place] = changed(code[place], credits=rng.choice((credits + 1, max(0, credits - 1), 0)))
    return edited


def add_token(code: Sequence[Instruction], rng: Random) -> list[Instruction] | None:
    """A new semaphore from an instruction to a later one of another unit in the same body."""
    pairs = [
        (a, b)
        for body in bodies(code)
        for a in body
        for b in body
        if a < b and code[a].unit != code[b].unit
    ]
    if not pairs:
        return None
    before, after = rng.choice(pairs)
    number = max(semaphores(code), default=-1) + 1
    signal = Instruction("signal", {"unit": code[before].unit, "sem": number})
    wait = Instruction("wait", {"unit": code[after].unit, "sem": number})
    edited = [*code[: before + 1], signal, *code[before + 1 : after], wait, *code[after:]]
    return [Instruction("sem", {"id": number, "credits": 0}), *edited]


def move_token(code: Sequence[Instruction], rng: Random) -> list[Instruction] | None:
    """A wait after the instruction that it guards, or a signal before the one that it reports."""
    moves: list[tuple[int, int]] = []
    for body in bodies(code):
        for number in body:
            same = [n for n in body if code[n].unit == code[number].unit]
            where = same.index(number)
            if code[number].mnemonic == "wait" and where + 1 < len(same):
                moves.append((number, same[where + 1]))
            elif code[number].mnemonic == "signal" and where:
                moves.append((same[where - 1], number))
    if not moves:
        return None
    first, second = rng.choice(moves)
    edited = list(code)
    if code[first].mnemonic == "wait":
        edited.insert(second, edited.pop(first))
    else:
        edited.insert(first, edited.pop(second))
    return edited


def move_view(code: Sequence[Instruction], rng: Random) -> list[Instruction] | None:
    """One operand at another address."""
    place, name = rng.choice(views_of(code))
    view = code[place].view(name)
    base = view.base + rng.choice(STEPS)
    edited = list(code)
    edited[place] = changed(code[place], **{name: replace(view, base=max(0, base))})
    return edited


def move_buffer(code: Sequence[Instruction], rng: Random) -> list[Instruction] | None:
    """A buffer, in all its views, to where another begins, or by a step."""
    chosen = [code[place].view(name) for place, name in views_of(code)]
    chosen = [view for view in chosen if view.local]
    old = rng.choice(chosen)
    bases = [v.base for v in chosen if v.memory == old.memory and v.base != old.base]
    base = rng.choice(bases) if bases and rng.random() < 0.6 else old.base + rng.choice(STEPS)

    def moved(view: View) -> View | None:
        there = view.memory == old.memory and view.base == old.base and view.local
        return replace(view, base=max(0, base)) if there else None

    return with_views(code, moved)


def change_ring(code: Sequence[Instruction], rng: Random) -> list[Instruction] | None:
    """The depth, stride or level of a ring, in all its views or in one."""
    places = [(n, name) for n, name in views_of(code) if code[n].view(name).ring]
    if not places:
        return None
    place, name = rng.choice(places)
    view = code[place].view(name)
    ring = view.ring
    assert ring is not None
    match rng.choice(("depth", "depth", "stride", "level")):
        case "depth":
            new = Ring(max(1, ring.depth + rng.choice((-1, 1))), ring.stride, ring.level)
        case "stride":
            new = Ring(ring.depth, max(0, ring.stride + rng.choice(STEPS)), ring.level)
        case _:
            new = Ring(ring.depth, ring.stride, max(0, ring.level - 1))
    if rng.random() < 0.7:
        return with_views(
            code,
            lambda v: replace(v, ring=new) if (v.memory, v.ring) == (view.memory, ring) else None,
        )
    edited = list(code)
    edited[place] = changed(code[place], **{name: replace(view, ring=new)})
    return edited


def change_loop(code: Sequence[Instruction], rng: Random) -> list[Instruction] | None:
    """An iteration more or less."""
    places = [n for n, i in enumerate(code) if i.mnemonic == "loop"]
    if not places:
        return None
    place = rng.choice(places)
    edited = list(code)
    count = max(1, code[place].integer("count") + rng.choice((-1, 1)))
    edited[place] = changed(code[place], count=count)
    return edited


def change_dim(code: Sequence[Instruction], rng: Random) -> list[Instruction] | None:
    """A size, extent, stride or origin of one view."""
    place, name = rng.choice(views_of(code))
    view = code[place].view(name)
    number = rng.randrange(len(view.dims))
    dim, step = view.dims[number], rng.choice((-1, 1))
    match rng.choice(("size", "size", "extent", "stride", "origin", "factor")):
        case "size":
            dim = replace(dim, size=max(1, dim.size + step))
        case "extent":
            dim = replace(dim, extent=max(1, dim.extent + step))
        case "stride":
            dim = replace(dim, stride=dim.stride + step)
        case "origin":
            dim = replace(dim, origin=Affine(dim.origin.const + step, dim.origin.terms))
        case _:
            terms = {level: factor + step for level, factor in dim.origin.terms}
            dim = replace(dim, origin=Affine.of(dim.origin.const, terms))
    dims = (*view.dims[:number], dim, *view.dims[number + 1 :])
    edited = list(code)
    edited[place] = changed(code[place], **{name: replace(view, dims=dims)})
    return edited


EDITS: Mapping[str, Edit] = {
    edit.__name__: edit
    for edit in (
        drop_tokens,
        change_credit,
        add_token,
        move_token,
        move_view,
        move_buffer,
        change_ring,
        change_loop,
        change_dim,
    )
}


def edited(code: Code, kind: str, rng: Random) -> Code | None:
    """The code after an edit of this kind; None where it has nothing to edit."""
    instructions = EDITS[kind](code.instructions, rng)
    return None if instructions is None else Code(code.header, tuple(instructions))
