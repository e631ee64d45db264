// A fixed systolic array: one configuration, one memory for everything, no depthwise dataflow.
fabric.machine @tpu_like {hz = 700000000, technology = "28nm", src = "700 MHz, 28 nm: TPU v1 (Jouppi et al., ISCA 2017)"} {
  fabric.memory @dram {kind = "dram", bytes = 4294967296, bytes_per_cycle = 8, burst = 64, latency_cycles = 70, src = "64 bits a cycle: ZigZag 3.9.1 tpu_like; capacity, burst and latency (100 ns) assumed"}
  fabric.memory @sram {bytes = 2097152, line = 256, holds = ["I", "W", "O"], src = "2 MB behind one 2048-bit port: ZigZag 3.9.1 tpu_like"}
  fabric.dma @load {path = [@dram, @sram], bytes_per_cycle = 8, src = "as wide as the DRAM; assumed"}
  fabric.dma @store {path = [@sram, @dram], bytes_per_cycle = 8, src = "as wide as the DRAM; assumed"}
  fabric.array @conv {axes = {y = 32, x = 32}, precisions = [[8, 8, 1]], feed = "skew", src = "32 x 32: ZigZag 3.9.1 tpu_like; feed assumed"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "weight-stationary: ZigZag 3.9.1 tpu_like; two planes: TPU v1 (ISCA 2017)"}
    fabric.accumulator @acc {lines = 2048, planes = 2, src = "two times 2048 lines: TPU v1 (ISCA 2017)"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "C by K: ZigZag 3.9.1 tpu_like"}
  }
  fabric.vector @act {lanes = 32, paths = [[@acc, @sram], [@sram, @sram]], src = "assumed, one lane a column"}
}
