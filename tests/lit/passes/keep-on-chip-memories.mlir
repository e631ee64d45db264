// RUN: tilefold-opt %s -p 'keep-on-chip' | filecheck %s

!x = tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<4x4x1x1x!quant.uniform<i8:f32, 0.25>>

// Inputs and outputs in memories of their own: what one layer writes another cannot read in place.
fabric.machine @apart {hz = 1000, src = "assumed"} {
  fabric.memory @dram {kind = "dram", bytes = 65536, bytes_per_cycle = 8, burst = 8, latency_cycles = 4, src = "assumed"}
  fabric.memory @inputs {bytes = 4096, line = 4, banks = 4, holds = ["I", "W"], src = "assumed"}
  fabric.memory @outputs {bytes = 4096, line = 4, banks = 4, holds = ["O"], src = "assumed"}
  fabric.dma @load {path = [@dram, @inputs], bytes_per_cycle = 4, src = "assumed"}
  fabric.dma @store {path = [@outputs, @dram], bytes_per_cycle = 4, src = "assumed"}
  fabric.array @conv {count = 1, axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "assumed"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 1, rows_per_cycle = 1, src = "assumed"}
    fabric.accumulator @acc {lines = 64, planes = 2, src = "assumed"}
    fabric.mode @weights {spatial = {y = ["C"], x = ["K"]}, src = "assumed"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @outputs], [@inputs, @outputs]], src = "assumed"}
}

func.func @main(%x: !x, %w: !w) -> !x {
  // CHECK: %a = nn.conv %x, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} :
  %a = nn.conv %x, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !w) -> !x
  // CHECK-NEXT: %b = nn.conv %a, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} :
  %b = nn.conv %a, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !w) -> !x
  func.return %b : !x
}
