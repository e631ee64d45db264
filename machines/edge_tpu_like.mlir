// A fixed array of four axes: input and output channels on two of 8, output pixels on two of 4.
fabric.machine @edge_tpu_like {hz = 500000000, src = "assumed; ZigZag counts cycles only"} {
  fabric.memory @dram {kind = "dram", bytes = 4294967296, bytes_per_cycle = 8, burst = 64, latency_cycles = 50, src = "64 bits a cycle: ZigZag 3.9.1 edge_tpu_like; capacity, burst and latency (100 ns) assumed"}
  fabric.memory @data {bytes = 2097152, line = 256, holds = ["I", "O"], src = "2 MB behind one 2048-bit port: ZigZag 3.9.1 edge_tpu_like"}
  fabric.memory @weights {bytes = 32768, line = 64, holds = ["W"], src = "32 KB behind one 512-bit port: ZigZag 3.9.1 edge_tpu_like"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 8, src = "as wide as the DRAM; assumed"}
  fabric.dma @wload {path = [@dram, @weights], bytes_per_cycle = 8, src = "as wide as the DRAM; assumed"}
  fabric.dma @store {path = [@data, @dram], bytes_per_cycle = 8, src = "as wide as the DRAM; assumed"}
  fabric.array @conv {axes = {y = 8, x = 8, z = 4, w = 4}, precisions = [[8, 8, 1]], feed = "broadcast", src = "8 x 8 x 4 x 4, operands multicast: ZigZag 3.9.1 edge_tpu_like"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 1, rows_per_cycle = 8, src = "registers of one byte, 512 bits of weights a cycle: ZigZag 3.9.1 edge_tpu_like"}
    fabric.accumulator @acc {lines = 32, planes = 2, src = "assumed; in ZigZag 3.9.1 sums go to the 2 MB"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"], z = ["OX"], w = ["OY"]}, src = "K 8, C 8, OX 4, OY 4: mapping of ZigZag 3.9.1 edge_tpu_like"}
  }
  fabric.vector @act {lanes = 32, paths = [[@acc, @data], [@data, @data]], src = "assumed, as tpu_like with as many multipliers"}
}
