// A small fixed systolic array of 16 x 16, sized as Gemmini's configuration for a chip.
fabric.machine @tpu_like_16 {hz = 500000000, src = "assumed"} {
  fabric.memory @dram {kind = "dram", bytes = 4294967296, bytes_per_cycle = 16, burst = 64, latency_cycles = 50, src = "128-bit bus, 64 bytes a request: Gemmini, chipConfig; capacity and latency (100 ns) assumed"}
  fabric.memory @sram {bytes = 65536, line = 16, banks = 4, holds = ["I", "W", "O"], src = "scratchpad of 64 KB in four banks of 16-byte rows: Gemmini, chipConfig"}
  fabric.dma @load {path = [@dram, @sram], bytes_per_cycle = 16, src = "128-bit bus: Gemmini, chipConfig"}
  fabric.dma @store {path = [@sram, @dram], bytes_per_cycle = 16, src = "128-bit bus: Gemmini, chipConfig"}
  fabric.array @conv {axes = {y = 16, x = 16}, precisions = [[8, 8, 1]], feed = "skew", src = "16 x 16: Gemmini, chipConfig; feed assumed"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "weights stay: Gemmini, chipConfig; two planes, a row a cycle assumed"}
    fabric.accumulator @acc {lines = 256, planes = 2, src = "32 KB in two banks: Gemmini, chipConfig"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "assumed, as tpu_like"}
  }
  fabric.vector @act {lanes = 16, paths = [[@acc, @sram], [@sram, @sram]], src = "assumed, one lane a column"}
}
