// Dynamic Neural Accelerator in SAKURA-I: six convolution units of 64 x 64, folded at run time.
fabric.machine @dna_a600 {hz = 800000000, technology = "16nm", src = "MERA 1.6, parameters of SAKURA_1; technology assumed"} {
  fabric.memory @dram {kind = "dram", bytes = 4294967296, bytes_per_cycle = 85, burst = 64, latency_cycles = 80, standard = "lpddr4", src = "two LPDDR4 channels at 4266 MT/s: SAKURA-I start-up code; 64 bits each, 64-byte bursts, 100 ns: assumed"}
  fabric.memory @data {bytes = 8388608, line = 64, banks = 32, holds = ["I", "O"], src = "32 banks of 4096 lines: MERA 1.6, SAKURA_1; a line is 64 channels, one port: assumed"}
  fabric.memory @weights {bytes = 8388608, line = 64, banks = 32, holds = ["W"], src = "32 banks of 4096 lines: MERA 1.6, SAKURA_1; a line is 64 channels, one port: assumed"}
  fabric.dma @load {path = [@dram, @data], count = 2, bytes_per_cycle = 32, src = "two tile-load units, 256-bit AXI: MERA 1.6, SAKURA_1"}
  fabric.dma @wload {path = [@dram, @weights], count = 4, bytes_per_cycle = 32, src = "four weight-load units, 256-bit AXI: MERA 1.6, SAKURA_1"}
  fabric.dma @store {path = [@data, @dram], count = 2, bytes_per_cycle = 32, src = "two store units, 256-bit AXI: MERA 1.6, SAKURA_1"}
  fabric.array @conv {count = 6, axes = {y = 64, x = 64}, precisions = [[8, 8, 1]], feed = "skew", src = "six units, 64 channels: MERA 1.6, SAKURA_1; feed assumed"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "assumed"}
    fabric.accumulator @acc {lines = 512, planes = 2, src = "512 lines of 32 bits: MERA 1.6, SAKURA_1; two planes assumed"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K", "OX"]}, limit = {OX = 4}, src = "assumed: columns that few channels leave take output pixels side by side, up to four"}
    fabric.mode @window {spatial = {y = ["C", "FY", "FX"], x = ["K", "OX"]}, limit = {OX = 4}, src = "assumed: rows that few channels leave take the positions of the window, columns as in dense"}
    fabric.mode @depthwise {spatial = {y = ["FY", "FX"], x = ["G", "K", "OX"]}, limit = {OX = 4}, src = "assumed; the machine has no separate depthwise unit; columns as in dense"}
  }
  fabric.vector @act {count = 3, lanes = 64, paths = [[@acc, @data], [@data, @data]], src = "three activation units: MERA 1.6, SAKURA_1; 64 lanes assumed, one a channel"}
  fabric.folds @mesh {of = @conv, c = [1, 2, 3, 6], p = [1, 2, 3, 6], hop_cycles = 1, shadow = true, config_bytes = 256, switch_cycles = 16, src = "chains of up to six, up to six data targets: MERA 1.6, SAKURA_1; costs assumed"}
}
