// The fixed systolic array of TPU v1, 256 x 256, with its DRAM of weights as the only one.
fabric.machine @tpu_like_256 {hz = 700000000, technology = "28nm", src = "700 MHz, 28 nm: TPU v1 (Jouppi et al., ISCA 2017)"} {
  fabric.memory @dram {kind = "dram", bytes = 4294967296, bytes_per_cycle = 48, burst = 64, latency_cycles = 70, standard = "ddr3", src = "34 GB/s of DDR3 for weights: TPU v1 (ISCA 2017); inputs and outputs in it too, capacity, burst and latency (100 ns): assumed"}
  fabric.memory @data {bytes = 25165824, line = 256, holds = ["I", "O"], src = "unified buffer of 24 MiB: TPU v1 (ISCA 2017); 256 bytes a cycle: one for each row"}
  fabric.memory @weights {bytes = 262144, line = 256, holds = ["W"], src = "FIFO of four tiles of 256 x 256: TPU v1 (ISCA 2017)"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 20, src = "14 GB/s of PCIe Gen3 x16: TPU v1 (ISCA 2017)"}
  fabric.dma @wload {path = [@dram, @weights], bytes_per_cycle = 48, src = "as wide as the DRAM; assumed"}
  fabric.dma @store {path = [@data, @dram], bytes_per_cycle = 20, src = "14 GB/s of PCIe Gen3 x16: TPU v1 (ISCA 2017)"}
  fabric.array @conv {axes = {y = 256, x = 256}, precisions = [[8, 8, 1]], feed = "skew", src = "256 x 256, systolic: TPU v1 (ISCA 2017)"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "two planes, 256 cycles to shift in a tile: TPU v1 (ISCA 2017)"}
    fabric.accumulator @acc {lines = 2048, planes = 2, src = "4 MiB, two times 2048 lines: TPU v1 (ISCA 2017)"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "matrix products, weights stay: TPU v1 (ISCA 2017); convolutions by C and K: assumed"}
  }
  fabric.vector @act {lanes = 256, paths = [[@acc, @data], [@data, @data]], src = "assumed, one lane a column"}
}
