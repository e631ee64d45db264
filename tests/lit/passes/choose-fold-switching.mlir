// RUN: tilefold-opt %s -p 'choose-fold' --split-input-file | filecheck %s
// RUN: tilefold-opt %s -p 'choose-fold{switching="free"}' --split-input-file | filecheck %s --check-prefix=FREE

// The layer in the middle takes 225 cycles on a chain, which its channels fill, and 9 x 2 x 13 = 234
// with 25 pixels shared by two units; the others are for pixels. Two switches would take more than
// 9 cycles without shadow registers.
// CHECK: nn.conv {{.*}} units = 2, chain = 1, cols = 1, pixels = 2,
// CHECK: nn.conv {{.*}} units = 2, chain = 1, cols = 1, pixels = 2,
// CHECK: nn.conv {{.*}} units = 2, chain = 1, cols = 1, pixels = 2,
// FREE: nn.conv {{.*}} units = 2, chain = 1, cols = 1, pixels = 2,
// FREE: nn.conv {{.*}} units = 2, chain = 2, cols = 1, pixels = 1,
// FREE: nn.conv {{.*}} units = 2, chain = 1, cols = 1, pixels = 2,

!few = tensor<1x4x5x5x!quant.uniform<u8:f32, 0.5:3>>
!many = tensor<1x7x5x5x!quant.uniform<u8:f32, 0.5:3>>
!widen = tensor<7x4x1x1x!quant.uniform<i8:f32, 0.25>>
!deep = tensor<4x7x3x3x!quant.uniform<i8:f32, 0.25>>
!point = tensor<4x4x1x1x!quant.uniform<i8:f32, 0.25>>

fabric.machine @standing {hz = 1000, src = "assumed"} {
  fabric.memory @dram {kind = "dram", bytes = 65536, bytes_per_cycle = 8, burst = 8, latency_cycles = 4, src = "assumed"}
  fabric.memory @sram {bytes = 16384, line = 4, banks = 4, holds = ["I", "W", "O"], src = "assumed"}
  fabric.dma @load {path = [@dram, @sram], bytes_per_cycle = 4, src = "assumed"}
  fabric.dma @store {path = [@sram, @dram], bytes_per_cycle = 4, src = "assumed"}
  fabric.array @conv {count = 2, axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "broadcast", src = "assumed"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 4, src = "assumed"}
    fabric.accumulator @acc {lines = 64, planes = 2, src = "assumed"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "assumed"}
  }
  fabric.vector @act {lanes = 256, paths = [[@acc, @sram], [@sram, @sram]], src = "assumed"}
  fabric.folds @mesh {of = @conv, c = [1, 2], p = [1, 2], hop_cycles = 0, shadow = false, config_bytes = 64, switch_cycles = 1, src = "assumed"}
}

func.func @main(%x: !few) -> !few {
  %widen = nn.constant dense<1> : tensor<7x4x1x1xi8> -> !widen
  %deep = nn.constant dense<1> : tensor<4x7x3x3xi8> -> !deep
  %point = nn.constant dense<1> : tensor<4x4x1x1xi8> -> !point
  %a = nn.conv %x, %widen {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!few, !widen) -> !many
  %b = nn.conv %a, %deep {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1} : (!many, !deep) -> !few
  %c = nn.conv %b, %point {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!few, !point) -> !few
  func.return %c : !few
}

// -----

// With them configurations are there when they are needed, and the switches take 2 x (1 + 1).
// CHECK: nn.conv {{.*}} units = 2, chain = 1, cols = 1, pixels = 2,
// CHECK: nn.conv {{.*}} units = 2, chain = 2, cols = 1, pixels = 1,
// CHECK: nn.conv {{.*}} units = 2, chain = 1, cols = 1, pixels = 2,
// FREE: nn.conv {{.*}} units = 2, chain = 1, cols = 1, pixels = 2,
// FREE: nn.conv {{.*}} units = 2, chain = 2, cols = 1, pixels = 1,
// FREE: nn.conv {{.*}} units = 2, chain = 1, cols = 1, pixels = 2,

!few = tensor<1x4x5x5x!quant.uniform<u8:f32, 0.5:3>>
!many = tensor<1x7x5x5x!quant.uniform<u8:f32, 0.5:3>>
!widen = tensor<7x4x1x1x!quant.uniform<i8:f32, 0.25>>
!deep = tensor<4x7x3x3x!quant.uniform<i8:f32, 0.25>>
!point = tensor<4x4x1x1x!quant.uniform<i8:f32, 0.25>>

fabric.machine @shadowed {hz = 1000, src = "assumed"} {
  fabric.memory @dram {kind = "dram", bytes = 65536, bytes_per_cycle = 8, burst = 8, latency_cycles = 4, src = "assumed"}
  fabric.memory @sram {bytes = 16384, line = 4, banks = 4, holds = ["I", "W", "O"], src = "assumed"}
  fabric.dma @load {path = [@dram, @sram], bytes_per_cycle = 4, src = "assumed"}
  fabric.dma @store {path = [@sram, @dram], bytes_per_cycle = 4, src = "assumed"}
  fabric.array @conv {count = 2, axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "broadcast", src = "assumed"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 4, src = "assumed"}
    fabric.accumulator @acc {lines = 64, planes = 2, src = "assumed"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "assumed"}
  }
  fabric.vector @act {lanes = 256, paths = [[@acc, @sram], [@sram, @sram]], src = "assumed"}
  fabric.folds @mesh {of = @conv, c = [1, 2], p = [1, 2], hop_cycles = 0, shadow = true, config_bytes = 64, switch_cycles = 1, src = "assumed"}
}

func.func @main(%x: !few) -> !few {
  %widen = nn.constant dense<1> : tensor<7x4x1x1xi8> -> !widen
  %deep = nn.constant dense<1> : tensor<4x7x3x3xi8> -> !deep
  %point = nn.constant dense<1> : tensor<4x4x1x1xi8> -> !point
  %a = nn.conv %x, %widen {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!few, !widen) -> !many
  %b = nn.conv %a, %deep {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1} : (!many, !deep) -> !few
  %c = nn.conv %b, %point {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!few, !point) -> !few
  func.return %c : !few
}
