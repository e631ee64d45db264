"""Writes a network to a file: ``python -m tilefold.examples.networks resnet50 -o file.onnx``."""

import argparse
from pathlib import Path

import onnx

from . import NETWORKS, build, macs, quantise


def main() -> None:
    """Builds a network, quantises it if asked to, and writes it."""
    parser = argparse.ArgumentParser(
        prog="python -m tilefold.examples.networks",
        description="Writes a well-known network with random weights as ONNX.",
    )
    parser.add_argument("name", choices=sorted(NETWORKS))
    parser.add_argument("-o", "--output", type=Path, required=True, help="the file to write")
    parser.add_argument("--size", type=int, default=224, help="rows and columns of the image")
    parser.add_argument("--quantise", action="store_true", help="to int8 (QDQ)")
    options = parser.parse_args()
    model = build(options.name, options.size)
    onnx.save(quantise(model) if options.quantise else model, options.output)
    print(f"{options.output}: {options.name}, {macs(model) / 1e9:.3f} GMAC")


if __name__ == "__main__":
    main()
