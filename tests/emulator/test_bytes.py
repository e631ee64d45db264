"""The bytes of reports are those that a schedule moves, counted without the emulator."""

from random import Random

import pytest
from tilefold.compiler import compile_levels, context_for
from tilefold.dialects import schedule
from tilefold.dialects.store import Store
from tilefold.emulator import emulate
from tilefold.errors import TilefoldError
from tilefold.machines import load_machine, names
from tilefold.tests.support.chunks import chunks
from tilefold.tests.support.compiled_networks import shipped_on
from tilefold.tests.support.random_networks import random_network
from tilefold.tests.support.report_checks import check_bytes
from tilefold.tests.support.schedule_bytes import schedule_bytes
from xdsl.parser import Parser

CHUNK = 20
QUICK, CASES = 20, 60

EXAMPLE = """
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<5x6x4xu8>
  %b = schedule.tensor {kind = "temporary", label = "b"} : !schedule.tensor<1x2x240xu8>
  %y = schedule.tensor {kind = "temporary", label = "y"} : !schedule.tensor<5x4x8xu8>
  %w = schedule.buffer "weights" {depth = 1} : !schedule.buffer<1x1x240xu8>
  %in = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x6x2xu8>
  %out = schedule.buffer "data" {depth = 1} : !schedule.buffer<2x4x8xu8>
  schedule.configure <@conv, first = 0, units = 2, chain = 2, cols = 1, pixels = 1, groups = 1,
      mode = 0, act_bits = 8, wgt_bits = 8>
  schedule.for %i = 3 {
    schedule.for %c = 2 {
      schedule.load "wload" %b to %w[%c] {origin = affine_map<(d0) -> (0, d0, 0)>,
          extents = array<i64: 1, 2, 240>, strides = array<i64: 480, 240, 1>, pad = 0}
          : !schedule.tensor<1x2x240xu8> to !schedule.buffer<1x1x240xu8>
      schedule.load "load" %x to %in[%i, %c] {
          origin = affine_map<(d0, d1) -> (d0 * 2 - 1, 0, d1 * 2)>,
          extents = array<i64: 5, 6, 4>, strides = array<i64: 24, 4, 1>, pad = 3}
          : !schedule.tensor<5x6x4xu8> to !schedule.buffer<4x6x2xu8>
      schedule.conv "conv.0" %out = %in, %w[%i] {origin = affine_map<(d0) -> (d0 * 2, 0, 0)>,
          extents = array<i64: 5, 4, 8>, kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>,
          dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 3, dst_zero = 7, lo = 7,
          hi = 200, reduction = 1} : !schedule.buffer<2x4x8xu8>
          = !schedule.buffer<4x6x2xu8>, !schedule.buffer<1x1x240xu8>
    }
    schedule.store "store" %out to %y[%i] {origin = affine_map<(d0) -> (d0 * 2, 0, 0)>,
        extents = array<i64: 5, 4, 8>, strides = array<i64: 32, 8, 1>}
        : !schedule.buffer<2x4x8xu8> to !schedule.tensor<5x4x8xu8>
  }
}
"""


def test_a_count_by_hand() -> None:
    """A 3 x 3 convolution of 5 x 6 pixels (padded above and below) in tiles of two rows of outputs,
    the last of which has one, and of two of four input channels; `tiny` has bursts of 8 bytes.

    - Loaded are 3, 4 and 2 rows of 6 pixels, two bytes of each in a burst of its own, and that
      twice; they fill 6 tiles of 4 x 6 x 2.
    - Weights are 6 blocks of 8 x 3 x 3 x 2 bytes and 8 x 12 of parameters.
    - The convolution reads 4, 4 and 3 rows of 6 x 2, twice; it writes 2, 2 and 1 rows of 4 x 8.
    - Two configurations of 16 bytes.
    """
    store = Store()
    module = Parser(context_for(store), EXAMPLE).parse_module()
    (program,) = (op for op in module.ops if isinstance(op, schedule.ProgramOp))
    inputs, blocks, outputs = (4 + 4 + 3) * 6 * 2 * 2, 6 * 240, (2 + 2 + 1) * 4 * 8
    assert schedule_bytes(program, load_machine("tiny")) == {
        ("", "dram", "read"): (3 + 4 + 2) * 6 * 8 * 2 + blocks + 32,
        ("", "dram", "written"): outputs,
        ("", "data", "read"): inputs + outputs,
        ("", "data", "written"): 6 * 4 * 6 * 2 + outputs,
        ("", "weights", "read"): blocks,
        ("", "weights", "written"): blocks,
    }


@pytest.mark.parametrize("machine", names())
def test_the_shipped_network(machine: str) -> None:
    levels = shipped_on(machine)
    check_bytes(emulate(levels.program, {}, values=False, check=False).report, levels)


@pytest.mark.parametrize("machine", ["tiny", "tpu_like", "dna_a600"])
@pytest.mark.parametrize("start", chunks(CHUNK, QUICK, CASES))
def test_random_networks(machine: str, start: int) -> None:
    """Broadcast additions, transposed tensors, groups, narrow types: whatever there is."""
    checked = 0
    for seed in range(start, start + CHUNK):
        module, store, _ = random_network(Random(seed))
        try:
            levels = compile_levels(module, machine, store=store)
        except TilefoldError:
            continue
        check_bytes(emulate(levels.program, {}, values=False, check=False).report, levels)
        checked += 1
    assert checked > 0.6 * CHUNK
