// RUN: tilefold-opt %s -p 'choose-fold' | filecheck %s
// RUN: tilefold-opt %s -p 'choose-fold{spread=false}' | filecheck %s --check-prefix=MADE

// Two units share 16 pixels and start a row apart: in banks of their own if rows are spread, which
// takes 4 + 8 cycles. In the same bank, rows lying 32 bytes apart, it takes 4 + 8 x 2, as does one.
// CHECK: nn.conv {{.*}} units = 2, chain = 1, cols = 1, pixels = 2,
// MADE: nn.conv {{.*}} units = 1, chain = 1, cols = 1, pixels = 1,

!x = tensor<1x4x2x8x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<4x4x1x1x!quant.uniform<i8:f32, 0.25>>

fabric.machine @crowded {hz = 100000000, src = "assumed"} {
  fabric.memory @dram {kind = "dram", bytes = 16777216, bytes_per_cycle = 8, burst = 8, latency_cycles = 4, src = "assumed"}
  fabric.memory @data {bytes = 4096, line = 4, banks = 4, conflicts = true, holds = ["I", "O"], src = "assumed"}
  fabric.memory @weights {bytes = 2048, line = 4, banks = 4, holds = ["W"], src = "assumed"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 4, src = "assumed"}
  fabric.dma @wload {path = [@dram, @weights], bytes_per_cycle = 4, src = "assumed"}
  fabric.dma @store {path = [@data, @dram], bytes_per_cycle = 4, src = "assumed"}
  fabric.array @conv {count = 2, axes = {y = 4, x = 4}, precisions = [[8, 8, 1], [8, 4, 2], [4, 4, 4], [2, 2, 16]], feed = "skew", src = "assumed; products per multiplier as BitFusion's fusible one (ISCA 2018)"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "assumed"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "assumed"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "assumed"}
    fabric.mode @depthwise {spatial = {y = ["FY", "FX"], x = ["G", "K"]}, src = "assumed"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @data], [@data, @data]], src = "assumed"}
  fabric.folds @mesh {of = @conv, p = [1, 2], hop_cycles = 1, shadow = true, config_bytes = 16, switch_cycles = 2, src = "assumed"}
}

func.func @main(%x: !x) -> !x {
  %w = nn.constant dense<1> : tensor<4x4x1x1xi8> -> !w
  %y = nn.conv %x, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !w) -> !x
  func.return %y : !x
}
