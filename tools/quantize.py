"""`tilefold quantize`: from a network of real numbers to one of integers.

`tilefold quantize net.onnx --calibrate samples.npz -o net_int8.onnx`

With `--budget POINTS` the widths of layers are searched for, as few bits as lose no more than that.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

from ..bit_allocation import Allocation, allocate
from ..errors import TilefoldError
from ..frontend.quality import Quality, layer_quality, quality
from ..interpreters.arrays import read_array, read_arrays
from ..passes.nn_quantize_weights import Rounding
from ..passes.quantising.widths import read_widths
from ..quantizer import Quantisation, Quantised, calibrated
from .command import console, progress_of, write_files

CalibrateOption = Annotated[
    Path,
    typer.Option(
        "--calibrate", help="arrays [n, ...] by the names of the inputs", metavar="FILE.npz"
    ),
]


def quantize(
    model: Annotated[Path, typer.Argument(help="a float model", metavar="MODEL.onnx")],
    calibrate: CalibrateOption,
    output: Annotated[Path, typer.Option("-o", "--output", help="the file to write")],
    weights: Annotated[int, typer.Option(min=2, max=8, help="bits of weights")] = 8,
    activations: Annotated[int, typer.Option(min=2, max=8, help="bits of activations")] = 8,
    first: Annotated[int, typer.Option(help="bits of the first layer's weights, 0: as all")] = 0,
    last: Annotated[int, typer.Option(help="bits of the last layer's weights, 0: as all")] = 0,
    input_bits: Annotated[
        int, typer.Option("--input", help="bits of the network's inputs, 0: as all")
    ] = 0,
    layers: Annotated[
        Path | None, typer.Option(help="widths of single layers", metavar="FILE.json")
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            help="search for the fewest bits that lose no more than these points on the test "
            "samples, or on those of the calibration",
            metavar="POINTS",
            show_default=False,
        ),
    ] = None,
    found_layers: Annotated[
        Path | None,
        typer.Option(
            "--layers-output", help="write the widths that were found", metavar="FILE.json"
        ),
    ] = None,
    method: Annotated[
        str, typer.Option(help="how ranges are found: auto, minmax, percentile or mse")
    ] = "auto",
    rounding: Annotated[
        Rounding, typer.Option(help="how weights are rounded")
    ] = Rounding.RECONSTRUCTED,
    symmetric: Annotated[bool, typer.Option(help="activations with zero point 0")] = False,
    per_channel: Annotated[bool, typer.Option(help="a scale for each output channel")] = True,
    equalize: Annotated[bool, typer.Option(help="equalise channels between layers")] = True,
    test: Annotated[
        Path | None,
        typer.Option(help="samples to compare with the float model on", metavar="FILE.npz"),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="the classes of the test samples", metavar="FILE.npy")
    ] = None,
    by_layer: Annotated[
        bool, typer.Option("--layers-quality", help="compare layer by layer, too")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Quantise a float model by samples; writes a QDQ model that onnxruntime runs, too."""
    _check(labels, test, budget, layers, found_layers)
    options = Quantisation(
        weights, activations, first, last, input_bits, method, rounding.value,
        symmetric, per_channel, equalize,
    )  # fmt: skip
    widths = read_widths(str(layers) if layers else "")
    with progress_of(f"reading {model.name}") as update:
        ready = calibrated(model, read_arrays(calibrate), options, layers=widths, progress=update)
        samples = None if test is None else ready.samples_of(read_arrays(test))
        classes = None if labels is None else read_array(labels, "labels")
        files: dict[Path, bytes] = {}
        found, allocation = None, None
        if budget is None:
            made = ready.quantised(options, widths, update)
            if samples is not None:
                found = quality(
                    made.original,
                    made.model,
                    samples,
                    classes,
                    lambda done, total: update("comparing", done, total),
                )
        else:
            allocation = allocate(
                ready, budget, options, test=samples, labels=classes, progress=update
            )
            made, found = allocation.made, allocation.quality
            if found_layers is not None:
                files[found_layers] = json.dumps(allocation.as_json(), indent=1).encode()
        rows: Mapping[str, float] = {}
        if by_layer:
            rows = layer_quality(made.original, made.model, made.samples)
        write_files({output: made.model.SerializeToString(), **files})
    if as_json:
        record: dict[str, Any] = {
            "quality": None if found is None else vars(found),
            "layers": rows,
        }
        if allocation is not None:
            record["widths"] = allocation.as_json()
        typer.echo(json.dumps(record, indent=1))
        return
    typer.echo(f"{output}: {summary(made, options)}")
    if allocation is not None:
        typer.echo(allocation_line(allocation))
    if found is not None:
        typer.echo(quality_line(found))
    if rows:
        console().print(_table(rows), highlight=False)


def _check(
    labels: Path | None,
    test: Path | None,
    budget: float | None,
    layers: Path | None,
    found_layers: Path | None,
) -> None:
    """Refuse options that mean nothing together."""
    if labels is not None and test is None:
        raise TilefoldError("--labels are of samples: give these by --test FILE.npz")
    if budget is not None and layers is not None:
        raise TilefoldError("--budget finds the widths of layers: leave --layers out")
    if budget is None and found_layers is not None:
        raise TilefoldError("--layers-output is for widths that are found: give a --budget POINTS")


def allocation_line(found: Allocation) -> str:
    """What a search for widths has found, in one line."""
    part = found.bit_operations / max(found.widest, 1)
    return (
        f"{len(found.layers)} layers with widths of their own: {part:.0%} of the bit operations, "
        f"{found.lost:.2f} points lost, {found.trials} networks judged"
    )


def summary(made: Quantised, options: Quantisation) -> str:
    """What was quantised, in one line."""
    return (
        f"{made.products} products with weights of {options.weights} bits, "
        f"{made.values} values of {options.activations} bits, from {len(made.samples)} samples"
    )


def quality_line(found: Quality) -> str:
    """How the quantised network compares with the original, in one line."""
    line = (
        f"{found.samples} samples: {found.agreement:.1%} as the float model, "
        f"signal to noise {found.signal_to_noise:.1f} dB"
    )
    if found.right is not None and found.right_before is not None:
        line += f", {found.right:.2%} right where it has {found.right_before:.2%}"
    return line


def _table(rows: Mapping[str, float]) -> Table:
    table = Table()
    table.add_column("layer")
    table.add_column("signal to noise, dB", justify="right")
    for name, ratio in rows.items():
        table.add_row(name, f"{ratio:.1f}" if np.isfinite(ratio) else "exact")
    return table
