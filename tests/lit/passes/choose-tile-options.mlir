// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},choose-tile' | filecheck %s
// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},choose-tile{skipping="y"}' | filecheck %s --check-prefix=SECOND
// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},choose-tile{skipping="y","z","y"}' | filecheck %s --check-prefix=THIRD
// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},choose-tile{sizes=2}' | filecheck %s --check-prefix=FEW
// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},choose-tile{lag=0}' --verify-diagnostics | filecheck %s --check-prefix=NONE

!x = tensor<1x4x8x8x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<8x4x1x1x!quant.uniform<i8:f32, 0.25>>
!y = tensor<1x8x8x8x!quant.uniform<u8:f32, 0.5:3>>

// The next cheapest tilings by estimate, for the layer named; and the cheapest of few.
// NONE: choose-tile: lag must be at least 1, sizes at least 2
// CHECK: tiling = #schedule.tiling<rows = 1, columns = 8, k = 8, c = 4, order = "k y x">
// SECOND: tiling = #schedule.tiling<rows = 2, columns = 4, k = 8, c = 4, order = "k y x">
// THIRD: tiling = #schedule.tiling<rows = 4, columns = 2, k = 8, c = 4, order = "k y x">
// FEW: tiling = #schedule.tiling<rows = 1, columns = 8, k = 8, c = 4, order = "k y x">
func.func @main(%x: !x) -> !y {
  %w = nn.constant dense<1> : tensor<8x4x1x1xi8> -> !w
  %y = nn.conv %x, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1, fold = #fabric.fold<@conv, first = 0, units = 1, chain = 1, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>} : (!x, !w) -> !y loc("y")
  func.return %y : !y
}
