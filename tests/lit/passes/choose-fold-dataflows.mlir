// RUN: tilefold-opt %s -p 'choose-fold' | filecheck %s

!many = tensor<1x4x32x32x!quant.uniform<u8:f32, 0.5:3>>
!few = tensor<1x64x2x2x!quant.uniform<u8:f32, 0.5:3>>
!some = tensor<1x4x2x2x!quant.uniform<u8:f32, 0.5:3>>
!short = tensor<4x4x1x1x!quant.uniform<i8:f32, 0.25>>
!long = tensor<4x64x1x1x!quant.uniform<i8:f32, 0.25>>

fabric.machine @both {hz = 1000, src = "assumed"} {
  fabric.memory @dram {kind = "dram", bytes = 65536, bytes_per_cycle = 8, burst = 8, latency_cycles = 4, src = "assumed"}
  fabric.memory @sram {bytes = 16384, line = 4, banks = 4, holds = ["I", "W", "O"], src = "assumed"}
  fabric.dma @load {path = [@dram, @sram], bytes_per_cycle = 4, src = "assumed"}
  fabric.dma @store {path = [@sram, @dram], bytes_per_cycle = 4, src = "assumed"}
  fabric.array @conv {count = 1, axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "assumed"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 1, rows_per_cycle = 1, src = "assumed"}
    fabric.local @sums {operand = "O", axis = "y", planes = 1, rows_per_cycle = 1, src = "assumed"}
    fabric.accumulator @acc {lines = 64, planes = 2, src = "assumed"}
    fabric.mode @weights {spatial = {y = ["C"], x = ["K"]}, src = "assumed"}
    fabric.mode @outputs {spatial = {y = ["OY", "OX"], x = ["K"]}, stays = "O", src = "assumed"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @sram], [@sram, @sram]], src = "assumed"}
}

func.func @main(%x: !many, %y: !few) -> (!many, !some) {
  %short = nn.constant dense<1> : tensor<4x4x1x1xi8> -> !short
  %long = nn.constant dense<1> : tensor<4x64x1x1xi8> -> !long
  // Many pixels and one tile of weights: the weights stay.
  // CHECK: nn.conv %x, %short {{.*}}mode = 0,
  %a = nn.conv %x, %short {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!many, !short) -> !many
  // Four pixels and sixteen tiles of weights: the sums stay.
  // CHECK: nn.conv %y, %long {{.*}}mode = 1,
  %b = nn.conv %y, %long {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!few, !long) -> !some
  func.return %a, %b : !many, !some
}
