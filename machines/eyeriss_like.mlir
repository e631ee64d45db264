// A fixed array of 12 x 14 that works on rows: window rows and channels down a column, an output row each.
fabric.machine @eyeriss_like {hz = 200000000, src = "200 MHz: Eyeriss (Chen et al., JSSC 2017)"} {
  fabric.memory @dram {kind = "dram", bytes = 4294967296, bytes_per_cycle = 8, burst = 64, latency_cycles = 20, src = "64 bits a cycle: ZigZag 3.9.1 eyeriss_like; capacity, burst and latency (100 ns) assumed"}
  fabric.memory @data {bytes = 1048560, line = 48, ports = 2, holds = ["I", "O"], src = "1 MB, in whole lines, behind two 384-bit ports: ZigZag 3.9.1 eyeriss_like"}
  fabric.memory @weights {bytes = 65536, line = 16, holds = ["W"], src = "64 KB behind one 128-bit port: ZigZag 3.9.1 eyeriss_like"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 8, src = "as wide as the DRAM; assumed"}
  fabric.dma @wload {path = [@dram, @weights], bytes_per_cycle = 8, src = "as wide as the DRAM; assumed"}
  fabric.dma @store {path = [@data, @dram], bytes_per_cycle = 8, src = "as wide as the DRAM; assumed"}
  fabric.array @conv {axes = {y = 12, x = 14}, precisions = [[8, 8, 1]], feed = "broadcast", src = "14 x 12: ZigZag 3.9.1 eyeriss_like; multicast: Eyeriss (Chen et al., JSSC 2017)"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 12, src = "a register file of 64 bytes holds the next weight too, 12 of 16 weights that the port brings a cycle: ZigZag 3.9.1 eyeriss_like"}
    fabric.accumulator @acc {lines = 73, planes = 2, src = "8 KB of sums with two ports, 14 columns: ZigZag 3.9.1 eyeriss_like; two planes assumed"}
    fabric.mode @rows {spatial = {y = ["FY", "C"], x = ["OY"]}, src = "rows of the window by rows of outputs: Eyeriss (Chen et al., JSSC 2017); channels in the rows that the window leaves: assumed"}
  }
  fabric.vector @act {lanes = 14, paths = [[@acc, @data], [@data, @data]], src = "assumed, one lane a column"}
}
