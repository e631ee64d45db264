// A machine so small that every layer meets every edge of tiling: for tests and worked examples.
fabric.machine @tiny {hz = 100000000, src = "assumed"} {
  fabric.memory @dram {kind = "dram", bytes = 16777216, bytes_per_cycle = 8, burst = 8, latency_cycles = 4, src = "assumed"}
  fabric.memory @data {bytes = 4096, line = 4, banks = 4, holds = ["I", "O"], src = "assumed"}
  fabric.memory @weights {bytes = 2048, line = 4, banks = 4, holds = ["W"], src = "assumed"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 4, src = "assumed"}
  fabric.dma @wload {path = [@dram, @weights], bytes_per_cycle = 4, src = "assumed"}
  fabric.dma @store {path = [@data, @dram], bytes_per_cycle = 4, src = "assumed"}
  fabric.array @conv {count = 2, axes = {y = 4, x = 4}, precisions = [[8, 8, 1], [8, 4, 2], [4, 4, 4], [2, 2, 16]], feed = "skew", src = "assumed; products per multiplier as BitFusion's fusible one (ISCA 2018)"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "assumed"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "assumed"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "assumed"}
    fabric.mode @depthwise {spatial = {y = ["FY", "FX"], x = ["G", "K"]}, src = "assumed"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @data], [@data, @data]], src = "assumed"}
  fabric.folds @mesh {of = @conv, c = [1, 2], k = [1, 2], p = [1, 2], g = [1, 2], hop_cycles = 1, shadow = true, config_bytes = 16, switch_cycles = 2, src = "assumed"}
}
