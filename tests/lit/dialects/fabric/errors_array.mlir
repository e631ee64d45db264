// RUN: tilefold-opt %s --parsing-diagnostics --split-input-file | filecheck %s

// CHECK: fabric.array @conv: [9, 8] bits: widths are from 2 to 8
fabric.machine @m {hz = 1, src = "x"} {
  fabric.memory @dram {kind = "dram", bytes = 64, bytes_per_cycle = 8, src = "x"}
  fabric.memory @data {bytes = 64, line = 4, holds = ["I", "O"], src = "x"}
  fabric.memory @weights {bytes = 64, line = 4, holds = ["W"], src = "x"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 4, src = "x"}
  fabric.dma @wload {path = [@dram, @weights], bytes_per_cycle = 4, src = "x"}
  fabric.dma @store {path = [@data, @dram], bytes_per_cycle = 4, src = "x"}
  fabric.array @conv {count = 2, axes = {y = 4, x = 4}, precisions = [[8, 8, 1], [9, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "x"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @data], [@data, @data]], src = "x"}
  fabric.folds @mesh {of = @conv, c = [1, 2], hop_cycles = 1, shadow = true, config_bytes = 16, switch_cycles = 2, src = "x"}
}

// -----

// CHECK: fabric.array @conv: [8, 8] bits are given twice
fabric.machine @m {hz = 1, src = "x"} {
  fabric.memory @dram {kind = "dram", bytes = 64, bytes_per_cycle = 8, src = "x"}
  fabric.memory @data {bytes = 64, line = 4, holds = ["I", "O"], src = "x"}
  fabric.memory @weights {bytes = 64, line = 4, holds = ["W"], src = "x"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 4, src = "x"}
  fabric.dma @wload {path = [@dram, @weights], bytes_per_cycle = 4, src = "x"}
  fabric.dma @store {path = [@data, @dram], bytes_per_cycle = 4, src = "x"}
  fabric.array @conv {count = 2, axes = {y = 4, x = 4}, precisions = [[8, 8, 1], [8, 8, 2]], feed = "skew", src = "x"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "x"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @data], [@data, @data]], src = "x"}
  fabric.folds @mesh {of = @conv, c = [1, 2], hop_cycles = 1, shadow = true, config_bytes = 16, switch_cycles = 2, src = "x"}
}

// -----

// CHECK: fabric.array @conv: needs exactly one fabric.local, it has 0
fabric.machine @m {hz = 1, src = "x"} {
  fabric.memory @dram {kind = "dram", bytes = 64, bytes_per_cycle = 8, src = "x"}
  fabric.memory @data {bytes = 64, line = 4, holds = ["I", "O"], src = "x"}
  fabric.memory @weights {bytes = 64, line = 4, holds = ["W"], src = "x"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 4, src = "x"}
  fabric.dma @wload {path = [@dram, @weights], bytes_per_cycle = 4, src = "x"}
  fabric.dma @store {path = [@data, @dram], bytes_per_cycle = 4, src = "x"}
  fabric.array @conv {count = 2, axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "x"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @data], [@data, @data]], src = "x"}
  fabric.folds @mesh {of = @conv, c = [1, 2], hop_cycles = 1, shadow = true, config_bytes = 16, switch_cycles = 2, src = "x"}
}

// -----

// CHECK: fabric.array @conv: needs exactly one fabric.accumulator, it has 2
fabric.machine @m {hz = 1, src = "x"} {
  fabric.memory @dram {kind = "dram", bytes = 64, bytes_per_cycle = 8, src = "x"}
  fabric.memory @data {bytes = 64, line = 4, holds = ["I", "O"], src = "x"}
  fabric.memory @weights {bytes = 64, line = 4, holds = ["W"], src = "x"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 4, src = "x"}
  fabric.dma @wload {path = [@dram, @weights], bytes_per_cycle = 4, src = "x"}
  fabric.dma @store {path = [@data, @dram], bytes_per_cycle = 4, src = "x"}
  fabric.array @conv {count = 2, axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.accumulator @other {lines = 16, planes = 2, src = "x"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "x"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @data], [@data, @data]], src = "x"}
  fabric.folds @mesh {of = @conv, c = [1, 2], hop_cycles = 1, shadow = true, config_bytes = 16, switch_cycles = 2, src = "x"}
}

// -----

// CHECK: fabric.array @conv: needs at least one fabric.mode
fabric.machine @m {hz = 1, src = "x"} {
  fabric.memory @dram {kind = "dram", bytes = 64, bytes_per_cycle = 8, src = "x"}
  fabric.memory @data {bytes = 64, line = 4, holds = ["I", "O"], src = "x"}
  fabric.memory @weights {bytes = 64, line = 4, holds = ["W"], src = "x"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 4, src = "x"}
  fabric.dma @wload {path = [@dram, @weights], bytes_per_cycle = 4, src = "x"}
  fabric.dma @store {path = [@data, @dram], bytes_per_cycle = 4, src = "x"}
  fabric.array @conv {count = 2, axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @data], [@data, @data]], src = "x"}
  fabric.folds @mesh {of = @conv, c = [1, 2], hop_cycles = 1, shadow = true, config_bytes = 16, switch_cycles = 2, src = "x"}
}

// -----

// CHECK: fabric.local @wreg: @conv has no axis z, only y, x
fabric.machine @m {hz = 1, src = "x"} {
  fabric.memory @dram {kind = "dram", bytes = 64, bytes_per_cycle = 8, src = "x"}
  fabric.memory @data {bytes = 64, line = 4, holds = ["I", "O"], src = "x"}
  fabric.memory @weights {bytes = 64, line = 4, holds = ["W"], src = "x"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 4, src = "x"}
  fabric.dma @wload {path = [@dram, @weights], bytes_per_cycle = 4, src = "x"}
  fabric.dma @store {path = [@data, @dram], bytes_per_cycle = 4, src = "x"}
  fabric.array @conv {count = 2, axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @wreg {operand = "W", axis = "z", planes = 2, rows_per_cycle = 1, src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "x"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @data], [@data, @data]], src = "x"}
  fabric.folds @mesh {of = @conv, c = [1, 2], hop_cycles = 1, shadow = true, config_bytes = 16, switch_cycles = 2, src = "x"}
}

// -----

// CHECK: fabric.mode @dense: @conv has no axis z, only y, x
fabric.machine @m {hz = 1, src = "x"} {
  fabric.memory @dram {kind = "dram", bytes = 64, bytes_per_cycle = 8, src = "x"}
  fabric.memory @data {bytes = 64, line = 4, holds = ["I", "O"], src = "x"}
  fabric.memory @weights {bytes = 64, line = 4, holds = ["W"], src = "x"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 4, src = "x"}
  fabric.dma @wload {path = [@dram, @weights], bytes_per_cycle = 4, src = "x"}
  fabric.dma @store {path = [@data, @dram], bytes_per_cycle = 4, src = "x"}
  fabric.array @conv {count = 2, axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.mode @dense {spatial = {z = ["C"], x = ["K"]}, src = "x"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @data], [@data, @data]], src = "x"}
  fabric.folds @mesh {of = @conv, c = [1, 2], hop_cycles = 1, shadow = true, config_bytes = 16, switch_cycles = 2, src = "x"}
}

// -----

// CHECK: field `spatial` must be a dictionary of 1 to 8 entries, each a list of 1 to 7 different items, each "G" or "K"
fabric.machine @m {hz = 1, src = "x"} {
  fabric.memory @dram {kind = "dram", bytes = 64, bytes_per_cycle = 8, src = "x"}
  fabric.memory @data {bytes = 64, line = 4, holds = ["I", "O"], src = "x"}
  fabric.memory @weights {bytes = 64, line = 4, holds = ["W"], src = "x"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 4, src = "x"}
  fabric.dma @wload {path = [@dram, @weights], bytes_per_cycle = 4, src = "x"}
  fabric.dma @store {path = [@data, @dram], bytes_per_cycle = 4, src = "x"}
  fabric.array @conv {count = 2, axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.mode @dense {spatial = {y = ["B"], x = ["K"]}, src = "x"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @data], [@data, @data]], src = "x"}
  fabric.folds @mesh {of = @conv, c = [1, 2], hop_cycles = 1, shadow = true, config_bytes = 16, switch_cycles = 2, src = "x"}
}
