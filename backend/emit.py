"""From the `isa` dialect to `Code`, and back."""

from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from ..dialects.isa import OPERATIONS, LoopOp, ProgramOp
from ..dialects.location import name_of, set_name
from ..errors import TilefoldError
from .code import Code, Instruction


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where instructions came from.

    `layers` are the names of layers, in the order in which they first do something (a prefetch
    serves a later layer and does not count); `layer_of` has, for every instruction, an index into
    them, or -1.
    """

    layers: tuple[str, ...]
    layer_of: tuple[int, ...]


def emit(module: ModuleOp) -> tuple[Code, Provenance]:
    """The code of the one `isa.program` in `module`, and the layers it came from.

    Raises `TilefoldError` if there is not one program, or if it breaks a rule of the ISA.
    """
    programs = [op for op in module.ops if isinstance(op, ProgramOp)]
    if len(programs) != 1:
        raise TilefoldError(f"the module has {len(programs)} isa.program operations, not one")
    instructions: list[Instruction] = []
    names: list[str] = []
    for mnemonic, operands, op in programs[0].instructions():
        instructions.append(Instruction(mnemonic, operands))
        names.append(name_of(op))
    code = Code(programs[0].header, tuple(instructions))
    code.check()
    pairs = zip(names, instructions, strict=True)
    acting = [name for name, instruction in pairs if instruction.mnemonic != "prefetch"]
    layers = tuple(dict.fromkeys(name for name in (*acting, *names) if name))
    numbers = {name: number for number, name in enumerate(layers)}
    return code, Provenance(layers, tuple(numbers.get(name, -1) for name in names))


def raise_to_isa(code: Code, provenance: Provenance | None = None) -> ModuleOp:
    """The module with the program `code`, its operations located at their layers.

    Raises `TilefoldError` if `code` breaks a rule of the ISA.
    """
    code.check()
    bodies: list[list[Operation]] = [[]]
    loops: list[tuple[int, int]] = []
    for index, instruction in enumerate(code.instructions):
        match instruction.mnemonic:
            case "loop":
                loops.append((index, instruction.integer("count")))
                bodies.append([])
                continue
            case "end":
                index, count = loops.pop()
                op = LoopOp.of(count, bodies.pop())
            case mnemonic:
                op = OPERATIONS[mnemonic](**instruction.operands)
        _locate(op, index, provenance)
        bodies[-1].append(op)
    return ModuleOp([ProgramOp(code.header, bodies[0])])


def _locate(op: Operation, index: int, provenance: Provenance | None) -> None:
    if provenance is not None and provenance.layer_of[index] >= 0:
        set_name(op, provenance.layers[provenance.layer_of[index]])
