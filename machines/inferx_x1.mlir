// Flex Logix InferX X1: 64 one-dimensional arrays of 64 multipliers, joined layer by layer. Its Winograd
// acceleration of 3 x 3 convolutions and its BFloat16 are left out.
fabric.machine @inferx_x1 {hz = 933000000, technology = "16nm", src = "533 to 933 MHz: Flex Logix; TSMC 16FF: AnandTech 14189 (2019)"} {
  fabric.memory @dram {kind = "dram", bytes = 4294967296, bytes_per_cycle = 18, burst = 64, latency_cycles = 93, standard = "lpddr4", src = "x32 LPDDR4x: Flex Logix; 4266 MT/s, 64-byte bursts, 100 ns, capacity: assumed"}
  fabric.memory @data {bytes = 6291456, line = 64, banks = 32, holds = ["I", "O"], src = "2 x 1 MB of level 2 for activations and 4 MB of level 3: Flex Logix; as one memory of 32 banks: assumed"}
  fabric.memory @weights {bytes = 7340032, line = 64, banks = 64, holds = ["W"], src = "what levels 2 and 3 leave of 13 MB is level 1, which holds weights: Flex Logix; a bank for each array: assumed"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 18, src = "as wide as the DRAM; assumed"}
  fabric.dma @wload {path = [@dram, @weights], bytes_per_cycle = 18, src = "as wide as the DRAM; assumed"}
  fabric.dma @store {path = [@data, @dram], bytes_per_cycle = 18, src = "as wide as the DRAM; assumed"}
  fabric.array @conv {count = 64, axes = {y = 64, x = 1}, precisions = [[8, 8, 1]], feed = "skew", src = "64 one-dimensional systolic arrays of 64 int8 multipliers: Flex Logix; that a sum passes along all 64: assumed"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "assumed"}
    fabric.accumulator @acc {lines = 512, planes = 2, src = "assumed"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "assumed"}
    fabric.mode @window {spatial = {y = ["C", "FY", "FX"], x = ["K"]}, src = "assumed: multipliers that few channels leave take the positions of the window"}
    fabric.mode @depthwise {spatial = {y = ["FY", "FX"], x = ["G", "K"]}, src = "depthwise layers are supported: Electronic Design 21145517 (2020); how is assumed"}
  }
  fabric.vector @act {count = 4, lanes = 16, paths = [[@acc, @data], [@data, @data]], src = "assumed: one lane for each array, in 2 x 2 tiles"}
  fabric.folds @xflx {of = @conv, c = [1, 2, 4, 8, 16], k = [1, 4, 16, 64], p = [1, 4, 16, 64], g = [1, 16, 64], hop_cycles = 1, shadow = false, config_bytes = 0, switch_cycles = 933, src = "reconfigured in a microsecond: Flex Logix, all of it charged as the switch; which folds there are, and hops: assumed"}
}
