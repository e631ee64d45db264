// RUN: tilefold-opt %s -p 'choose-fold{stages=true}' --verify-diagnostics | filecheck %s
// The layer whose weights have 8 bits comes first, but runs on the second array alone; the other one on the
// first.
// CHECK: a: the arrays cannot take the layers in the order of the machine's file, each a part of them; @first does not run this one

!x = tensor<1x4x5x5x!quant.uniform<u8:f32, 0.5:3>>
!few = tensor<1x4x5x5x!quant.uniform<u4:f32, 0.5:3>>
!four = tensor<4x4x1x1x!quant.uniform<i4:f32, 0.25>>
!eight = tensor<4x4x1x1x!quant.uniform<i8:f32, 0.25>>

fabric.machine @stages {hz = 1000, src = "assumed"} {
  fabric.memory @dram {kind = "dram", bytes = 65536, bytes_per_cycle = 8, burst = 8, latency_cycles = 4, src = "assumed"}
  fabric.memory @sram {bytes = 16384, line = 4, banks = 4, holds = ["I", "W", "O"], src = "assumed"}
  fabric.dma @load {path = [@dram, @sram], bytes_per_cycle = 4, src = "assumed"}
  fabric.dma @store {path = [@sram, @dram], bytes_per_cycle = 4, src = "assumed"}
  fabric.array @first {count = 1, axes = {y = 4, x = 4}, precisions = [[8, 4, 1]], feed = "broadcast", src = "assumed"} {
    fabric.local @w0 {operand = "W", axis = "y", planes = 2, rows_per_cycle = 4, src = "assumed"}
    fabric.accumulator @acc0 {lines = 64, planes = 2, src = "assumed"}
    fabric.mode @dense0 {spatial = {y = ["C"], x = ["K"]}, src = "assumed"}
  }
  fabric.array @second {count = 1, axes = {y = 4, x = 4}, precisions = [[4, 8, 1]], feed = "broadcast", src = "assumed"} {
    fabric.local @w1 {operand = "W", axis = "y", planes = 2, rows_per_cycle = 4, src = "assumed"}
    fabric.accumulator @acc1 {lines = 64, planes = 2, src = "assumed"}
    fabric.mode @dense1 {spatial = {y = ["C"], x = ["K"]}, src = "assumed"}
  }
  fabric.vector @act {lanes = 256, paths = [[@acc0, @sram], [@acc1, @sram], [@sram, @sram]], src = "assumed"}
}

func.func @main(%x: !few) -> !x {
  %v = nn.constant dense<1> : tensor<4x4x1x1xi8> -> !four
  %w = nn.constant dense<1> : tensor<4x4x1x1xi8> -> !eight
  %a = nn.conv %x, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!few, !eight) -> !x loc("a")
  %b = nn.conv %a, %v {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !four) -> !x loc("b")
  func.return %b : !x
}
