// A fixed array that keeps sums: 32 output channels of 8 x 4 output pixels, one product each a cycle.
fabric.machine @tesla_npu_like {hz = 500000000, src = "assumed; ZigZag counts cycles only"} {
  fabric.memory @dram {kind = "dram", bytes = 4294967296, bytes_per_cycle = 8, burst = 64, latency_cycles = 50, src = "64 bits a cycle: ZigZag 3.9.1 tesla_npu_like; capacity, burst and latency (100 ns) assumed"}
  fabric.memory @data {bytes = 1048576, line = 128, holds = ["I", "O"], src = "1 MB behind one 1024-bit port: ZigZag 3.9.1 tesla_npu_like, whose 1 KB of inputs between it and the array are left out"}
  fabric.memory @weights {bytes = 1048576, line = 128, holds = ["W"], src = "1 MB behind one 1024-bit port: ZigZag 3.9.1 tesla_npu_like, whose 1 KB of weights between it and the array are left out"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 8, src = "as wide as the DRAM; assumed"}
  fabric.dma @wload {path = [@dram, @weights], bytes_per_cycle = 8, src = "as wide as the DRAM; assumed"}
  fabric.dma @store {path = [@data, @dram], bytes_per_cycle = 8, src = "as wide as the DRAM; assumed"}
  fabric.array @conv {axes = {y = 32, z = 8, w = 4}, precisions = [[8, 8, 1]], feed = "broadcast", src = "32 x 8 x 4 is what the mapping of ZigZag 3.9.1 tesla_npu_like uses; its grid is 32 x 32 x 4; operands multicast"} {
    fabric.local @sums {operand = "O", axis = "y", planes = 1, rows_per_cycle = 1, src = "4 bytes for a sum at each multiplier, 1024 bits or 32 sums a cycle leave: ZigZag 3.9.1 tesla_npu_like"}
    fabric.accumulator @acc {lines = 32, planes = 2, src = "assumed: what left waits for the lanes, a tile while the next one leaves"}
    fabric.mode @dense {spatial = {y = ["K"], z = ["OX"], w = ["OY"]}, stays = "O", src = "K 32, OX 8, OY 4: mapping of ZigZag 3.9.1 tesla_npu_like; that sums stay: its register for a sum at each multiplier"}
  }
  fabric.vector @act {lanes = 32, paths = [[@acc, @data], [@data, @data]], src = "32 sums a cycle: the 1024-bit port of ZigZag 3.9.1 tesla_npu_like"}
}
