// A fixed array of four axes: input and output channels on two of 16, output pixels on two of 2.
fabric.machine @ascend_like {hz = 500000000, src = "assumed; ZigZag counts cycles only"} {
  fabric.memory @dram {kind = "dram", bytes = 4294967296, bytes_per_cycle = 8, burst = 64, latency_cycles = 50, src = "64 bits a cycle: ZigZag 3.9.1 ascend_like; capacity, burst and latency (100 ns) assumed"}
  fabric.memory @data {bytes = 1048576, line = 512, holds = ["I", "O"], src = "1 MB behind one 4096-bit port: ZigZag 3.9.1 ascend_like, whose buffer of inputs between it and the array is left out"}
  fabric.memory @weights {bytes = 1048576, line = 512, holds = ["W"], src = "1 MB behind one 4096-bit port: ZigZag 3.9.1 ascend_like, whose buffer of weights between it and the array is left out"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 8, src = "as wide as the DRAM; assumed"}
  fabric.dma @wload {path = [@dram, @weights], bytes_per_cycle = 8, src = "as wide as the DRAM; assumed"}
  fabric.dma @store {path = [@data, @dram], bytes_per_cycle = 8, src = "as wide as the DRAM; assumed"}
  fabric.array @conv {axes = {y = 16, x = 16, z = 2, w = 2}, precisions = [[8, 8, 1]], feed = "broadcast", src = "16 x 16 x 2 x 2, operands multicast: ZigZag 3.9.1 ascend_like"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 1, rows_per_cycle = 16, src = "registers of one byte, 2048 bits of weights a cycle: ZigZag 3.9.1 ascend_like"}
    fabric.accumulator @acc {lines = 512, planes = 2, src = "256 KB of sums behind a 2048-bit port, 64 columns: ZigZag 3.9.1 ascend_like; two planes assumed"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"], z = ["OX"], w = ["OY"]}, src = "K 16, C 16, OX 2, OY 2: mapping of ZigZag 3.9.1 ascend_like"}
  }
  fabric.vector @act {lanes = 64, paths = [[@acc, @data], [@data, @data]], src = "64 sums a cycle: the 2048-bit port of ZigZag 3.9.1 ascend_like"}
}
