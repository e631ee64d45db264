// Dynamic Neural Accelerator DNA-F200: two convolution units of 64 x 64, folded at run time.
fabric.machine @dna_f200 {hz = 300000000, src = "MERA 1.6, parameters of DNAF200L0003"} {
  fabric.memory @dram {kind = "dram", bytes = 4294967296, bytes_per_cycle = 160, burst = 64, latency_cycles = 30, src = "not published; assumed: as fast as the five 256-bit ports together, 64-byte bursts, 100 ns"}
  fabric.memory @data {bytes = 4194304, line = 64, banks = 8, holds = ["I", "O"], src = "8 banks of 8192 lines: MERA 1.6, DNAF200L0003; a line is 64 channels, one port: assumed"}
  fabric.memory @weights {bytes = 4194304, line = 64, banks = 8, holds = ["W"], src = "8 banks of 8192 lines: MERA 1.6, DNAF200L0003; a line is 64 channels, one port: assumed"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 32, src = "one tile-load unit, 256-bit AXI: MERA 1.6, DNAF200L0003"}
  fabric.dma @wload {path = [@dram, @weights], count = 3, bytes_per_cycle = 32, src = "three weight-load units, 256-bit AXI: MERA 1.6, DNAF200L0003"}
  fabric.dma @store {path = [@data, @dram], bytes_per_cycle = 32, src = "one store unit, 256-bit AXI: MERA 1.6, DNAF200L0003"}
  fabric.array @conv {count = 2, axes = {y = 64, x = 64}, precisions = [[8, 8, 1]], feed = "skew", src = "two units, 64 channels: MERA 1.6, DNAF200L0003; feed assumed"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "assumed"}
    fabric.accumulator @acc {lines = 512, planes = 2, src = "512 lines of 32 bits: MERA 1.6, DNAF200L0003; two planes assumed"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K", "OX"]}, limit = {OX = 4}, src = "assumed: columns that few channels leave take output pixels side by side, up to four"}
    fabric.mode @window {spatial = {y = ["C", "FY", "FX"], x = ["K", "OX"]}, limit = {OX = 4}, src = "assumed: rows that few channels leave take the positions of the window, columns as in dense"}
    fabric.mode @depthwise {spatial = {y = ["FY", "FX"], x = ["G", "K", "OX"]}, limit = {OX = 4}, src = "assumed; the machine has no separate depthwise unit; columns as in dense"}
  }
  fabric.vector @act {lanes = 64, paths = [[@acc, @data], [@data, @data]], src = "one activation unit: MERA 1.6, DNAF200L0003; 64 lanes assumed, one a channel"}
  fabric.folds @mesh {of = @conv, c = [1, 2], p = [1, 2], hop_cycles = 1, shadow = true, config_bytes = 256, switch_cycles = 16, src = "chains of up to two, up to two data targets: MERA 1.6, DNAF200L0003; costs assumed"}
}
