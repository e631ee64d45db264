"""Well-known networks with random weights, for benchmarks and long tests.

They have the shapes, the operators and the cost of the real ones, and activations of a healthy
range at every depth, so that int8 arithmetic is exercised as by trained weights. Class scores mean
nothing.
"""

from .catalogue import NETWORKS, build
from .layer import convolution
from .quantise import quantise, quantised, quantised_file, random_images
from .writer import macs

__all__ = [
    "NETWORKS",
    "build",
    "convolution",
    "macs",
    "quantise",
    "quantised",
    "quantised_file",
    "random_images",
]
