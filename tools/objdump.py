"""`tilefold-objdump`: what is in a binary (`.bin`) or a program file (`.tfp`).

The text assembles again: everything that is not code is a comment.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from ..backend.code import Code
from ..backend.disassembler import header_lines, instruction_lines, instruction_text
from ..backend.encoding import decode
from ..backend.package import load
from ..backend.program import Port, Program
from ..dialects.isa_operands import Operand, View
from ..errors import TilefoldError
from .command import read_bytes, run_app
from .steps import StepOption, program_of

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

ZIP_MAGIC = b"PK"


@app.command()
def dump_file(
    file: Annotated[Path, typer.Argument(help="a binary or a program file", metavar="FILE")],
    source: Annotated[
        bool, typer.Option("--source", help="a heading for each layer, not a note on each line")
    ] = False,
    step: StepOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Show a program: header, memory map, and instructions with the layers they came from."""
    with file.open("rb") as opened:
        archive = opened.read(len(ZIP_MAGIC)) == ZIP_MAGIC
    program = program_of(load(file), step) if archive else None
    code = program.code if program else _decode(file)
    if source and not program:
        raise TilefoldError(f"{file}: --source needs a program file; a binary has no layers")
    if as_json:
        typer.echo(json.dumps(_record(code, program), indent=1))
        return
    lines = _program_lines(program, source) if program else _code_lines(code)
    typer.echo("\n".join(lines))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `tilefold-objdump`."""
    run_app(app, arguments)


def _decode(file: Path) -> Code:
    try:
        return decode(read_bytes(file))
    except TilefoldError as error:
        raise TilefoldError(f"{file}: {error}") from None


def _code_lines(code: Code) -> Iterator[str]:
    yield from header_lines(code.header)
    yield from instruction_lines(code)


def _program_lines(program: Program, headings: bool) -> Iterator[str]:
    """The whole program; each instruction's layer in headings or at the end of its line."""
    yield from header_lines(program.code.header)
    yield ""
    yield "; DRAM"
    yield from map(_place_line, _places(program))
    yield ""
    if program.prediction:
        yield "; predicted cycles, by layer, and what binds it"
        for number, layer in program.prediction.layers.items():
            yield f"; {layer.cycles:>12,}  {program.layers[number]} {layer.bound_by}".rstrip()
        yield ""
    last = -1
    for layer, line in zip(program.layer_of, instruction_lines(program.code), strict=True):
        if headings and layer not in (-1, last):
            yield f"; ---- {program.layers[layer]}"
            last = layer
        note = f"  ; {program.layers[layer]}" if layer >= 0 and not headings else ""
        yield line + note


def _places(program: Program) -> list[dict[str, Any]]:
    """What lies where in DRAM, by address."""
    places = [
        {"what": "segment", "name": s.name, "address": s.address, "bytes": s.data.size}
        for s in program.segments
    ]
    for what, ports in (("input", program.inputs), ("output", program.outputs)):
        places += [
            {"what": what, "name": p.name, "address": p.address, "bytes": p.bytes, "type": _type(p)}
            for p in ports
        ]
    return sorted(places, key=lambda place: place["address"])


def _place_line(place: dict[str, Any]) -> str:
    end = place["address"] + place["bytes"]
    where = f"{place['address']:#010x}..{end:#010x} {place['bytes']:>10}"
    return f"; {where}  {place['what']:<7} {place['name']} {place.get('type', '')}".rstrip()


def _type(port: Port) -> str:
    shape = "x".join(map(str, port.shape))
    element = f"{'i' if port.signed else 'u'}{port.bits}"
    scale = f"scale {port.scale[0]:.9g} zero {port.zero_point[0]}"
    scales = scale if port.axis is None else f"{len(port.scale)} scales along axis {port.axis}"
    return f"{shape} {element} ({scales})"


def _record(code: Code, program: Program | None) -> dict[str, Any]:
    """Everything, as JSON holds it."""
    layers = [-1] * len(code.instructions)
    record: dict[str, Any] = {"header": asdict(code.header)}
    if program:
        layers = list(program.layer_of)
        record |= {"dram": _places(program)}
        for what, ports in (("inputs", program.inputs), ("outputs", program.outputs)):
            record[what] = [asdict(port) for port in ports]
        if program.prediction:
            record["prediction"] = program.prediction.record()
    instructions: list[dict[str, Any]] = []
    for layer, instruction in zip(layers, code.instructions, strict=True):
        operands = {name: _plain(value) for name, value in instruction.operands.items()}
        row: dict[str, Any] = {"mnemonic": instruction.mnemonic, "operands": operands}
        row["text"] = instruction_text(instruction)
        if program and layer >= 0:
            row["layer"] = program.layers[layer]
        instructions.append(row)
    return record | {"instructions": instructions}


def _plain(operand: Operand) -> Any:
    match operand:
        case View():
            return asdict(operand)
        case frozenset():
            return sorted(operand)
        case _:
            return operand
