// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},fuse-epilogue,choose-tile' --split-input-file --verify-diagnostics | filecheck %s
// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},fuse-epilogue,choose-tile{overlap=false}' --split-input-file --verify-diagnostics | filecheck %s --check-prefix=SERIAL
// RUN: tilefold-opt %s -p 'choose-tile' --split-input-file --verify-diagnostics | filecheck %s --check-prefix=NONE
// NONE: the module has no machine; run attach-machine{machine="NAME"} first

!x = tensor<1x4x8x8x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<8x4x1x1x!quant.uniform<i8:f32, 0.25>>
!y = tensor<1x8x8x8x!quant.uniform<u8:f32, 0.5:3>>

// All channels at once; rows in several tiles, so that loads, sums and stores overlap.
// CHECK: nn.conv %x, %w {{.*}}tiling = #schedule.tiling<rows = {{[1-4]}}, columns = 8, k = {{[48]}}, c = 4, order = "{{.*}}">}
// Without overlap there is nothing to gain from cutting rows.
// SERIAL: nn.conv %x, %w {{.*}}tiling = #schedule.tiling<rows = 8, columns = 8, k = {{[48]}}, c = 4, order = "{{.*}}">}
// A tiling that is there stays.
// CHECK: nn.conv %x, %w {{.*}}tiling = #schedule.tiling<rows = 5, columns = 3, k = 2, c = 1, order = "x y k">}
func.func @main(%x: !x) -> (!y, !y) {
  %w = nn.constant dense<1> : tensor<8x4x1x1xi8> -> !w
  %y = nn.conv %x, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1, fold = #fabric.fold<@conv, first = 0, units = 1, chain = 1, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>} : (!x, !w) -> !y
  %z = nn.conv %x, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1, tiling = #schedule.tiling<rows = 5, columns = 3, k = 2, c = 1, order = "x y k">} : (!x, !w) -> !y
  func.return %y, %z : !y, !y
}

// -----

!x = tensor<1x1x31x132x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<1x1x2x2x!quant.uniform<i8:f32, 0.25>>
!y = tensor<1x1x1x1x!quant.uniform<u8:f32, 0.5:3>>

// The 31 x 132 window and one result just fit; the epilogue would not, and is let go.
// CHECK: nn.conv %x, %w {{.*}}tiling = #schedule.tiling<rows = 1, columns = 1, k = 1, c = 1, order =
// CHECK-NEXT: nn.add %y, %r :
func.func @main(%x: !x, %r: !y) -> !y {
  %w = nn.constant dense<1> : tensor<1x1x2x2xi8> -> !w
  %y = nn.conv %x, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [30, 131], groups = 1, fold = #fabric.fold<@conv, first = 0, units = 1, chain = 1, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>} : (!x, !w) -> !y
  %z = nn.add %y, %r : (!y, !y) -> !y
  func.return %z : !y
}

// -----

!x = tensor<1x1x64x64x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<1x1x2x2x!quant.uniform<i8:f32, 0.25>>
!y = tensor<1x1x1x1x!quant.uniform<u8:f32, 0.5:3>>

// CHECK: wide: not even its smallest tile fits the memories of machine tiny
func.func @main(%x: !x) -> !y {
  %w = nn.constant dense<1> : tensor<1x1x2x2xi8> -> !w
  %y = nn.conv %x, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [63, 63], groups = 1, fold = #fabric.fold<@conv, first = 0, units = 1, chain = 1, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>} : (!x, !w) -> !y loc("wide")
  func.return %y : !y
}

// -----

!x = tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<4x4x!quant.uniform<i8:f32, 0.25>>

// CHECK: fc: has no fold; run choose-fold first
func.func @main(%x: !x) -> !x {
  %w = nn.constant dense<1> : tensor<4x4xi8> -> !w
  %y = nn.matmul %x, %w : (!x, !w) -> !x loc("fc")
  func.return %y : !x
}
