// RUN: tilefold-opt %s --parsing-diagnostics --split-input-file | filecheck %s

// CHECK: fabric.dma @my.store: names are made of letters, digits and underscores
fabric.machine @m {hz = 1, src = "x"} {
  fabric.memory @dram {kind = "dram", bytes = 64, bytes_per_cycle = 8, src = "x"}
  fabric.memory @data {bytes = 64, line = 4, holds = ["I", "O"], src = "x"}
  fabric.memory @weights {bytes = 64, line = 4, holds = ["W"], src = "x"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 4, src = "x"}
  fabric.dma @wload {path = [@dram, @weights], bytes_per_cycle = 4, src = "x"}
  fabric.dma @my.store {path = [@data, @dram], bytes_per_cycle = 4, src = "x"}
  fabric.array @conv {count = 2, axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "x"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @data], [@data, @data]], src = "x"}
  fabric.folds @mesh {of = @conv, c = [1, 2], hop_cycles = 1, shadow = true, config_bytes = 16, switch_cycles = 2, src = "x"}
}

// -----

// CHECK: fabric.accumulator @data: the name @data is taken
fabric.machine @m {hz = 1, src = "x"} {
  fabric.memory @dram {kind = "dram", bytes = 64, bytes_per_cycle = 8, src = "x"}
  fabric.memory @data {bytes = 64, line = 4, holds = ["I", "O"], src = "x"}
  fabric.memory @weights {bytes = 64, line = 4, holds = ["W"], src = "x"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 4, src = "x"}
  fabric.dma @wload {path = [@dram, @weights], bytes_per_cycle = 4, src = "x"}
  fabric.dma @store {path = [@data, @dram], bytes_per_cycle = 4, src = "x"}
  fabric.array @conv {count = 2, axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "x"}
    fabric.accumulator @data {lines = 16, planes = 2, src = "x"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "x"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @data], [@data, @data]], src = "x"}
  fabric.folds @mesh {of = @conv, c = [1, 2], hop_cycles = 1, shadow = true, config_bytes = 16, switch_cycles = 2, src = "x"}
}

// -----

// CHECK: fabric.machine @m: needs exactly one memory of kind = "dram", has 0
fabric.machine @m {hz = 1, src = "x"} {
  fabric.memory @dram {bytes = 64, line = 4, holds = ["I"], src = "x"}
  fabric.memory @data {bytes = 64, line = 4, holds = ["I", "O"], src = "x"}
  fabric.memory @weights {bytes = 64, line = 4, holds = ["W"], src = "x"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 4, src = "x"}
  fabric.dma @wload {path = [@dram, @weights], bytes_per_cycle = 4, src = "x"}
  fabric.dma @store {path = [@data, @dram], bytes_per_cycle = 4, src = "x"}
  fabric.array @conv {count = 2, axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "x"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @data], [@data, @data]], src = "x"}
  fabric.folds @mesh {of = @conv, c = [1, 2], hop_cycles = 1, shadow = true, config_bytes = 16, switch_cycles = 2, src = "x"}
}

// -----

// CHECK: fabric.machine @m: no memory holds operand "O"
fabric.machine @m {hz = 1, src = "x"} {
  fabric.memory @dram {kind = "dram", bytes = 64, bytes_per_cycle = 8, src = "x"}
  fabric.memory @data {bytes = 64, line = 4, holds = ["I"], src = "x"}
  fabric.memory @weights {bytes = 64, line = 4, holds = ["W"], src = "x"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 4, src = "x"}
  fabric.dma @wload {path = [@dram, @weights], bytes_per_cycle = 4, src = "x"}
  fabric.dma @store {path = [@data, @dram], bytes_per_cycle = 4, src = "x"}
  fabric.array @conv {count = 2, axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "x"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @data], [@data, @data]], src = "x"}
  fabric.folds @mesh {of = @conv, c = [1, 2], hop_cycles = 1, shadow = true, config_bytes = 16, switch_cycles = 2, src = "x"}
}

// -----

// CHECK: fabric.memory @weights: operand "I" is held by @data already
fabric.machine @m {hz = 1, src = "x"} {
  fabric.memory @dram {kind = "dram", bytes = 64, bytes_per_cycle = 8, src = "x"}
  fabric.memory @data {bytes = 64, line = 4, holds = ["I", "O"], src = "x"}
  fabric.memory @weights {bytes = 64, line = 4, holds = ["W", "I"], src = "x"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 4, src = "x"}
  fabric.dma @wload {path = [@dram, @weights], bytes_per_cycle = 4, src = "x"}
  fabric.dma @store {path = [@data, @dram], bytes_per_cycle = 4, src = "x"}
  fabric.array @conv {count = 2, axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "x"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @data], [@data, @data]], src = "x"}
  fabric.folds @mesh {of = @conv, c = [1, 2], hop_cycles = 1, shadow = true, config_bytes = 16, switch_cycles = 2, src = "x"}
}

// -----

// CHECK: fabric.dma @store: no memory is named @dat
fabric.machine @m {hz = 1, src = "x"} {
  fabric.memory @dram {kind = "dram", bytes = 64, bytes_per_cycle = 8, src = "x"}
  fabric.memory @data {bytes = 64, line = 4, holds = ["I", "O"], src = "x"}
  fabric.memory @weights {bytes = 64, line = 4, holds = ["W"], src = "x"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 4, src = "x"}
  fabric.dma @wload {path = [@dram, @weights], bytes_per_cycle = 4, src = "x"}
  fabric.dma @store {path = [@dat, @dram], bytes_per_cycle = 4, src = "x"}
  fabric.array @conv {count = 2, axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "x"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @data], [@data, @data]], src = "x"}
  fabric.folds @mesh {of = @conv, c = [1, 2], hop_cycles = 1, shadow = true, config_bytes = 16, switch_cycles = 2, src = "x"}
}

// -----

// CHECK: fabric.vector @act: no memory or accumulator is named @sums
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
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "x"}
  }
  fabric.vector @act {lanes = 4, paths = [[@sums, @data], [@data, @data]], src = "x"}
  fabric.folds @mesh {of = @conv, c = [1, 2], hop_cycles = 1, shadow = true, config_bytes = 16, switch_cycles = 2, src = "x"}
}

// -----

// CHECK: fabric.vector @act: no memory is named @acc
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
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "x"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @data], [@data, @acc]], src = "x"}
  fabric.folds @mesh {of = @conv, c = [1, 2], hop_cycles = 1, shadow = true, config_bytes = 16, switch_cycles = 2, src = "x"}
}

// -----

// CHECK: fabric.machine @m: no fabric.dma has the path [@dram, @weights]
fabric.machine @m {hz = 1, src = "x"} {
  fabric.memory @dram {kind = "dram", bytes = 64, bytes_per_cycle = 8, src = "x"}
  fabric.memory @data {bytes = 64, line = 4, holds = ["I", "O"], src = "x"}
  fabric.memory @weights {bytes = 64, line = 4, holds = ["W"], src = "x"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 4, src = "x"}
  fabric.dma @wload {path = [@weights, @dram], bytes_per_cycle = 4, src = "x"}
  fabric.dma @store {path = [@data, @dram], bytes_per_cycle = 4, src = "x"}
  fabric.array @conv {count = 2, axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "x"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @data], [@data, @data]], src = "x"}
  fabric.folds @mesh {of = @conv, c = [1, 2], hop_cycles = 1, shadow = true, config_bytes = 16, switch_cycles = 2, src = "x"}
}

// -----

// CHECK: fabric.machine @m: no fabric.dma has the path [@data, @dram]
fabric.machine @m {hz = 1, src = "x"} {
  fabric.memory @dram {kind = "dram", bytes = 64, bytes_per_cycle = 8, src = "x"}
  fabric.memory @data {bytes = 64, line = 4, holds = ["I", "O"], src = "x"}
  fabric.memory @weights {bytes = 64, line = 4, holds = ["W"], src = "x"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 4, src = "x"}
  fabric.dma @wload {path = [@dram, @weights], bytes_per_cycle = 4, src = "x"}
  fabric.dma @store {path = [@data, @weights], bytes_per_cycle = 4, src = "x"}
  fabric.array @conv {count = 2, axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "x"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @data], [@data, @data]], src = "x"}
  fabric.folds @mesh {of = @conv, c = [1, 2], hop_cycles = 1, shadow = true, config_bytes = 16, switch_cycles = 2, src = "x"}
}

// -----

// CHECK: fabric.machine @m: no fabric.vector has the path [@acc, @data] for results
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
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "x"}
  }
  fabric.vector @act {lanes = 4, paths = [[@data, @data]], src = "x"}
  fabric.folds @mesh {of = @conv, c = [1, 2], hop_cycles = 1, shadow = true, config_bytes = 16, switch_cycles = 2, src = "x"}
}

// -----

// CHECK: fabric.machine @m: needs at least one fabric.array
fabric.machine @m {hz = 1, src = "x"} {
  fabric.memory @dram {kind = "dram", bytes = 64, bytes_per_cycle = 8, src = "x"}
  fabric.memory @data {bytes = 64, line = 4, holds = ["I", "O"], src = "x"}
  fabric.memory @weights {bytes = 64, line = 4, holds = ["W"], src = "x"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 4, src = "x"}
  fabric.dma @wload {path = [@dram, @weights], bytes_per_cycle = 4, src = "x"}
  fabric.dma @store {path = [@data, @dram], bytes_per_cycle = 4, src = "x"}
  fabric.vector @act {lanes = 4, paths = [[@data, @data]], src = "x"}
}

// -----

// CHECK: fabric.machine @m: has more than 255 units; an instruction names one in a byte
fabric.machine @m {hz = 1, src = "x"} {
  fabric.memory @dram {kind = "dram", bytes = 64, bytes_per_cycle = 8, src = "x"}
  fabric.memory @data {bytes = 64, line = 4, holds = ["I", "O"], src = "x"}
  fabric.memory @weights {bytes = 64, line = 4, holds = ["W"], src = "x"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 4, src = "x"}
  fabric.dma @wload {path = [@dram, @weights], bytes_per_cycle = 4, src = "x"}
  fabric.dma @store {path = [@data, @dram], bytes_per_cycle = 4, src = "x"}
  fabric.array @conv {count = 252, axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "x"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @data], [@data, @data]], src = "x"}
  fabric.folds @mesh {of = @conv, c = [1, 2], hop_cycles = 1, shadow = true, config_bytes = 16, switch_cycles = 2, src = "x"}
}

// -----

// CHECK: fabric.folds @mesh: no array is named @cnv
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
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "x"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @data], [@data, @data]], src = "x"}
  fabric.folds @mesh {of = @cnv, c = [1, 2], hop_cycles = 1, shadow = true, config_bytes = 16, switch_cycles = 2, src = "x"}
}

// -----

// CHECK: fabric.folds @other: @conv has its folds already
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
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "x"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @data], [@data, @data]], src = "x"}
  fabric.folds @mesh {of = @conv, c = [1, 2], hop_cycles = 1, shadow = true, config_bytes = 16, switch_cycles = 2, src = "x"}
  fabric.folds @other {of = @conv, c = [1, 2], hop_cycles = 1, shadow = true, config_bytes = 16, switch_cycles = 2, src = "x"}
}

// -----

// CHECK: fabric.folds @mesh: p = 2 takes 4 units, @conv has 2
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
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "x"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @data], [@data, @data]], src = "x"}
  fabric.folds @mesh {of = @conv, c = [2], p = [1, 2], hop_cycles = 1, shadow = true, config_bytes = 16, switch_cycles = 2, src = "x"}
}
