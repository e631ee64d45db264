// A fixed array of four axes: 32 output and 2 input channels, 4 x 4 output pixels.
fabric.machine @meta_prototype_like {hz = 500000000, src = "assumed; ZigZag counts cycles only"} {
  fabric.memory @dram {kind = "dram", bytes = 4294967296, bytes_per_cycle = 8, burst = 64, latency_cycles = 50, src = "64 bits a cycle: ZigZag 3.9.1 meta_prototype; capacity, burst and latency (100 ns) assumed"}
  fabric.memory @data {bytes = 1048576, line = 128, holds = ["I", "O"], src = "1 MB behind one 1024-bit port: ZigZag 3.9.1 meta_prototype, whose 32 KB of inputs between it and the array are left out"}
  fabric.memory @weights {bytes = 1048576, line = 128, holds = ["W"], src = "1 MB behind one 1024-bit port: ZigZag 3.9.1 meta_prototype, whose 64 KB of weights between it and the array are left out"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 8, src = "as wide as the DRAM; assumed"}
  fabric.dma @wload {path = [@dram, @weights], bytes_per_cycle = 8, src = "as wide as the DRAM; assumed"}
  fabric.dma @store {path = [@data, @dram], bytes_per_cycle = 8, src = "as wide as the DRAM; assumed"}
  fabric.array @conv {axes = {y = 2, x = 32, z = 4, w = 4}, precisions = [[8, 8, 1]], feed = "broadcast", src = "32 x 2 x 4 x 4, operands multicast: ZigZag 3.9.1 meta_prototype"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 1, rows_per_cycle = 2, src = "registers of one byte, 512 bits of weights a cycle: ZigZag 3.9.1 meta_prototype"}
    fabric.accumulator @acc {lines = 32, planes = 2, src = "assumed; in ZigZag 3.9.1 sums go to the 1 MB"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"], z = ["OX"], w = ["OY"]}, src = "K 32, C 2, OX 4, OY 4: mapping of ZigZag 3.9.1 meta_prototype_like"}
  }
  fabric.vector @act {lanes = 32, paths = [[@acc, @data], [@data, @data]], src = "assumed, as tpu_like with as many multipliers"}
}
