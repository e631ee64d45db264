// SCALE-Sim 3.0.0's weight-stationary array of 32 x 32, with layers as im2col matrix products.
fabric.machine @scalesim_ws32 {hz = 1000000000, src = "assumed; SCALE-Sim 3.0.0 counts cycles only"} {
  fabric.memory @dram {kind = "dram", bytes = 4294967296, bytes_per_cycle = 1024, burst = 1, src = "so wide that nothing waits, as in SCALE-Sim 3.0.0 without stalls; capacity assumed"}
  fabric.memory @data {bytes = 524288, line = 128, holds = ["I", "O"], src = "256 kB for each of the two, as configured for the cross-check; 32 sums of 32 bits a cycle"}
  fabric.memory @weights {bytes = 262144, line = 32, holds = ["W"], src = "256 kB, as configured for the cross-check; 32 weights a cycle"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 1024, src = "as wide as the DRAM"}
  fabric.dma @wload {path = [@dram, @weights], bytes_per_cycle = 1024, src = "as wide as the DRAM"}
  fabric.dma @store {path = [@data, @dram], bytes_per_cycle = 1024, src = "as wide as the DRAM"}
  fabric.array @conv {axes = {y = 32, x = 32}, precisions = [[8, 8, 1]], feed = "skew", src = "32 x 32, operands skewed: SCALE-Sim 3.0.0"} {
    fabric.local @regs {operand = "W", axis = "y", planes = 1, rows_per_cycle = 1, rows = "all", src = "R cycles to fill even a ragged tile: SCALE-Sim 3.0.0"}
    fabric.accumulator @acc {lines = 65536, planes = 2, src = "SCALE-Sim 3.0.0 has no limit"}
    fabric.mode @dense {spatial = {y = ["C", "FY", "FX"], x = ["K"]}, flat = true, drain = "each_pass", src = "weight-stationary, nothing overlaps: SCALE-Sim 3.0.0"}
  }
  fabric.vector @act {lanes = 32, paths = [[@acc, @data], [@data, @data]], src = "assumed, one lane a column; SCALE-Sim has none"}
}
