// RUN: tilefold-opt %s -p 'choose-fold' --split-input-file --verify-diagnostics | filecheck %s
// RUN: tilefold-opt %s -p 'choose-fold{switching="none"}' --split-input-file --verify-diagnostics | filecheck %s --check-prefix=OPTION
// OPTION: choose-fold: switching is "none", but must be charged or free

!x = tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<4x4x!quant.uniform<i8:f32, 0.25>>

fabric.machine @narrow {hz = 1000, src = "assumed"} {
  fabric.memory @dram {kind = "dram", bytes = 4096, bytes_per_cycle = 8, burst = 8, latency_cycles = 4, src = "assumed"}
  fabric.memory @sram {bytes = 512, line = 4, banks = 4, holds = ["I", "W", "O"], src = "assumed"}
  fabric.dma @load {path = [@dram, @sram], bytes_per_cycle = 4, src = "assumed"}
  fabric.dma @store {path = [@sram, @dram], bytes_per_cycle = 4, src = "assumed"}
  fabric.array @conv {count = 1, axes = {y = 4, x = 4}, precisions = [[8, 4, 1]], feed = "skew", src = "assumed"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "assumed"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "assumed"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "assumed"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @sram], [@sram, @sram]], src = "assumed"}
}
// CHECK: fc: @conv cannot multiply 8-bit activations by 8-bit weights; its precisions are 8 x 4
func.func @main(%x: !x) -> !x {
  %w = nn.constant dense<1> : tensor<4x4xi8> -> !w
  %y = nn.matmul %x, %w : (!x, !w) -> !x loc("fc")
  func.return %y : !x
}

// -----

!x = tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<4x4x!quant.uniform<i8:f32, 0.25>>

fabric.machine @small {hz = 1000, src = "assumed"} {
  fabric.memory @dram {kind = "dram", bytes = 4096, bytes_per_cycle = 8, burst = 8, latency_cycles = 4, src = "assumed"}
  fabric.memory @sram {bytes = 512, line = 4, banks = 4, holds = ["I", "W", "O"], src = "assumed"}
  fabric.dma @load {path = [@dram, @sram], bytes_per_cycle = 4, src = "assumed"}
  fabric.dma @store {path = [@sram, @dram], bytes_per_cycle = 4, src = "assumed"}
  fabric.array @conv {count = 1, axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "assumed"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "assumed"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "assumed"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "assumed"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @sram], [@sram, @sram]], src = "assumed"}
}
// CHECK: fc: weights and biases must be constants of the network
func.func @main(%x: !x, %w: !w, %b: tensor<4xi32>) -> !x {
  %y = nn.matmul %x, %w, %b : (!x, !w, tensor<4xi32>) -> !x loc("fc")
  func.return %y : !x
}

// -----

!x = tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<4x4x!quant.uniform<i8:f32, 0.25>>

fabric.machine @unfolded {hz = 1000, src = "assumed"} {
  fabric.memory @dram {kind = "dram", bytes = 4096, bytes_per_cycle = 8, burst = 8, latency_cycles = 4, src = "assumed"}
  fabric.memory @sram {bytes = 512, line = 4, banks = 4, holds = ["I", "W", "O"], src = "assumed"}
  fabric.dma @load {path = [@dram, @sram], bytes_per_cycle = 4, src = "assumed"}
  fabric.dma @store {path = [@sram, @dram], bytes_per_cycle = 4, src = "assumed"}
  fabric.array @conv {count = 2, axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "assumed"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "assumed"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "assumed"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "assumed"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @sram], [@sram, @sram]], src = "assumed"}
}
// CHECK: fc: @conv of machine unfolded cannot fold with chain = 2; it allows 1
func.func @main(%x: !x) -> !x {
  %w = nn.constant dense<1> : tensor<4x4xi8> -> !w
  %y = nn.matmul %x, %w {fold = #fabric.fold<@conv, first = 0, units = 2, chain = 2, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>} : (!x, !w) -> !x loc("fc")
  %z = nn.matmul %y, %w : (!x, !w) -> !x
  func.return %z : !x
}
