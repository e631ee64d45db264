"""`tilefold verify`: compare a compiled model with onnxruntime, element by element.

The whole network runs compiled on the emulator, on the reference interpreter and in onnxruntime.
With `--layers`, every layer also runs alone, fed with onnxruntime's own values, so that what goes
wrong in one layer does not hide what the next ones do.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue

from ..compiler import Compilation, PackageCompilation, compile_levels, compile_network
from ..dialects.nn_network import network_of
from ..dialects.store import Store
from ..emulator import emulate
from ..errors import TilefoldError
from ..frontend.judge import Comparison, Judge
from ..frontend.shapes import Shapes
from ..interpreters.arrays import read_arrays
from ..interpreters.nn import run as interpret
from ..interpreters.steps import joined
from ..machines import load_machine
from ..machines.model import Machine
from .command import Array, Update, console, file_name, npy, progress_of, write_files
from .compile import EffortOption, FramesOption, MachineOption
from .layers import Layer, cut, results_of
from .steps import ShapeOption, shapes_of

Arrays = Mapping[str, Array]


@dataclass(frozen=True)
class Row:
    """An output, or a layer: the emulator and the interpreter compared with onnxruntime.

    `emulator` is None for layers that are the host's part.
    """

    name: str
    operations: tuple[str, ...]
    interpreter: Comparison
    emulator: Comparison | None

    @property
    def equal(self) -> bool:
        """Whether every element agrees."""
        return not (self.interpreter.mismatches or (self.emulator and self.emulator.mismatches))

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries."""
        return asdict(self) | {"equal": self.equal}


@dataclass(frozen=True)
class Divergence:
    """The first layer that differs: onnxruntime's result and ours."""

    name: str
    expected: Array
    actual: Array


@dataclass(frozen=True)
class Verification:
    """All that `tilefold verify` finds; `in_float` is what onnxruntime computes in float.

    `on_host` are the nodes that the machine leaves to the host: onnxruntime in all ways.
    """

    machine: str
    on_host: tuple[str, ...]
    in_float: tuple[str, ...]
    outputs: tuple[Row, ...]
    layers: tuple[Row, ...]
    divergence: Divergence | None

    @property
    def equal(self) -> bool:
        """Whether every element of every row agrees."""
        return all(row.equal for row in (*self.outputs, *self.layers))

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries and lists."""
        return {
            "machine": self.machine,
            "equal": self.equal,
            "in_float": self.in_float,
            "on_host": self.on_host,
            "outputs": [row.to_json() for row in self.outputs],
            "layers": [row.to_json() for row in self.layers],
            "first_divergence": self.divergence.name if self.divergence else None,
        }


def verify(
    model: Annotated[Path, typer.Argument(help="a model", metavar="MODEL.onnx")],
    inputs: Annotated[
        Path,
        typer.Option(help="arrays [batch, ...] by the names of the inputs", metavar="FILE.npz"),
    ],
    machine: MachineOption = "dna_a600",
    layers: Annotated[
        bool, typer.Option("--layers", help="also each layer alone, on onnxruntime's values")
    ] = False,
    output_dir: Annotated[
        Path, typer.Option(help="where both results of the first differing layer go", metavar="DIR")
    ] = Path("out"),
    frames: FramesOption = 1,
    effort: EffortOption = 0,
    shape: ShapeOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Compare a compiled model with onnxruntime, element by element.

    The exit code is 1 where any element differs.
    """
    arrays = read_arrays(inputs)
    target = load_machine(machine)
    found = verify_model(model, target, arrays, layers, effort, shapes_of(shape), frames)
    if found.divergence:
        _write_divergence(found.divergence, output_dir)
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=1))
    else:
        _print(found, console())
    raise typer.Exit(0 if found.equal else 1)


def verify_model(
    model: Path,
    machine: Machine,
    arrays: Arrays,
    layers: bool,
    effort: int = 0,
    shapes: Shapes | None = None,
    frames: int = 1,
) -> Verification:
    """Run `model` on `arrays` [batch, ...] in all ways, with `layers` each layer alone too.

    The whole model is compiled with `effort` (`tilefold.search`), for so many `frames` at a time;
    `shapes` gives those of inputs with dynamic dimensions. What stays on the host runs in
    onnxruntime in all ways.
    """
    with progress_of(f"importing {model.name}") as update:
        compiled = compile_network(
            model, machine, effort=effort, frames=frames, shapes=shapes, progress=update
        )
        judge = Judge(model)
        arrays = _as_declared(judge, arrays)
        update("comparing the outputs", 0, None)
        program = compiled.program if isinstance(compiled, Compilation) else compiled.package
        emulated = emulate(program, arrays, time=False).outputs
        values = _interpret(compiled, arrays)
        outputs = _compare_outputs(emulated, values, judge.run(arrays))
        rows: list[Row] = []
        divergence: Divergence | None = None
        if layers:
            expected = judge.intermediates(arrays)
            for step in _machine_steps(compiled):
                for row, differs in _compare_layers(step, machine, values, expected, update):
                    rows.append(row)
                    divergence = divergence or differs
    on_host = _on_host(compiled)
    return Verification(machine.name, on_host, judge.in_float, outputs, tuple(rows), divergence)


def _on_host(compiled: Compilation | PackageCompilation) -> tuple[str, ...]:
    nodes = () if isinstance(compiled, Compilation) else compiled.nodes
    return tuple(node.name for node in nodes if not node.on_machine)


def _machine_steps(compiled: Compilation | PackageCompilation) -> tuple[Compilation, ...]:
    if isinstance(compiled, Compilation):
        return (compiled,)
    return tuple(compiled.machine_steps.values())


def _as_declared(judge: Judge, arrays: Arrays) -> dict[str, Array]:
    """Float inputs in the precision of the model's; onnxruntime takes no others, and no integers.

    Raises TilefoldError for other types than the model's.
    """
    converted = dict(arrays)
    for name, wanted in judge.inputs.items():
        values = arrays.get(name)
        if values is None or values.dtype == wanted:
            continue
        if not (np.issubdtype(values.dtype, np.floating) and np.issubdtype(wanted, np.floating)):
            raise TilefoldError(
                f"input '{name}' has elements {values.dtype}, but the model takes {wanted}"
            )
        converted[name] = values.astype(wanted)
    return converted


def _compare_outputs(emulated: Arrays, interpreted: Arrays, expected: Arrays) -> tuple[Row, ...]:
    return tuple(
        Row(
            name,
            (),
            Comparison.of(name, interpreted[name], expected[name]),
            Comparison.of(name, values, expected[name]),
        )
        for name, values in emulated.items()
    )


def _compare_layers(
    compilation: Compilation,
    machine: Machine,
    arrays: Arrays,
    expected: Arrays,
    update: Update,
) -> Iterator[tuple[Row, Divergence | None]]:
    """Each layer of a network alone; `arrays` has its inputs, `expected` its layers' results."""
    network, store = compilation.source, compilation.context.store
    results = results_of(network, expected.keys())
    values = _values(network, results, expected, arrays)
    for number, layer in enumerate(cut(network, results)):
        update(f"layer {escape(layer.name)}", number, len(results))
        yield _compare_layer(layer, machine, store, values, expected[layer.name])


def _values(
    network: ModuleOp, results: Mapping[str, SSAValue], expected: Arrays, arrays: Arrays
) -> dict[SSAValue, Array]:
    """What onnxruntime has for the inputs of the network and the results of its layers."""
    known = network_of(network)
    inputs = dict(zip(known.inputs, known.input_names, strict=True))
    values = {value: arrays[name] for value, name in inputs.items()}
    return values | {value: expected[name] for name, value in results.items()}


def _compare_layer(
    layer: Layer, machine: Machine, store: Store, values: Mapping[SSAValue, Array], expected: Array
) -> tuple[Row, Divergence | None]:
    """One layer run alone on `values`; with what differs, if anything does."""
    inputs = {f"input{index}": values[source] for index, source in enumerate(layer.sources)}
    actual = [_by_image(lambda one: interpret(layer.module, one, store), inputs)["output"]]
    if layer.on_machine:
        program = compile_levels(layer.module, machine, store=store).program
        actual.append(emulate(program, inputs, time=False).outputs["output"])
    found = [Comparison.of(layer.name, result, expected) for result in actual]
    row = Row(layer.name, layer.operations, found[0], found[1] if layer.on_machine else None)
    for comparison, result in zip(found, actual, strict=True):
        if comparison.mismatches:
            return row, Divergence(layer.name, expected, result)
    return row, None


def _interpret(compiled: Compilation | PackageCompilation, arrays: Arrays) -> dict[str, Array]:
    """What the reference interpreter computes of a batch, image by image, and its inputs."""
    if isinstance(compiled, Compilation):
        store = compiled.context.store
        outputs = _by_image(lambda one: interpret(compiled.source, one, store), arrays)
        return {**arrays, **outputs}
    return _by_image(compiled.values, arrays)


def _by_image(run: Callable[[Arrays], Arrays], arrays: Arrays) -> dict[str, Array]:
    batch = len(next(iter(arrays.values())))
    runs = [
        run({name: values[row : row + 1] for name, values in arrays.items()})
        for row in range(batch)
    ]
    return {name: joined(name, [values[name] for values in runs]) for name in runs[0]}


def _write_divergence(divergence: Divergence, folder: Path) -> None:
    stem = file_name(divergence.name)
    expected, actual = folder / f"{stem}.onnxruntime.npy", folder / f"{stem}.tilefold.npy"
    write_files({expected: npy(divergence.expected), actual: npy(divergence.actual)})
    typer.echo(
        f"layer '{divergence.name}' is the first that differs: see {expected} and {actual}",
        err=True,
    )


def _print(found: Verification, console: Console) -> None:
    if found.in_float:
        listed = ", ".join(found.in_float)
        console.print(f"onnxruntime computes in float: {listed}", markup=False)
    if found.on_host:
        listed = ", ".join(found.on_host)
        console.print(f"left to the host, which is onnxruntime: {listed}", markup=False)
    console.print(_table("output", found.outputs))
    if found.layers:
        console.print(_table("layer", found.layers))
    verdict = "every element equals" if found.equal else "there are differences from"
    console.print(f"{verdict} onnxruntime's, on {found.machine}", markup=False)


def _table(what: str, rows: tuple[Row, ...]) -> Table:
    table = Table()
    table.add_column(what, overflow="fold")
    if what == "layer":
        table.add_column("operations", overflow="fold")
    for column in ("elements", "emulator differs", "by", "interpreter differs", "by"):
        table.add_column(column, justify="right")
    for row in rows:
        names = [row.name, ", ".join(row.operations)] if what == "layer" else [row.name]
        sides = [_cells(row.emulator), _cells(row.interpreter)]
        elements = f"{row.interpreter.elements:,}"
        table.add_row(*map(escape, names), elements, *sides[0], *sides[1])
    return table


def _cells(side: Comparison | None) -> tuple[str, str]:
    return (f"{side.mismatches:,}", f"{side.largest:g}") if side else ("host", "")
