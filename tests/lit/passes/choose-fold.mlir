// RUN: tilefold-opt %s -p 'attach-machine{machine="dna_a600"},choose-fold' --split-input-file | filecheck %s
// RUN: tilefold-opt %s -p 'choose-fold' --split-input-file --verify-diagnostics | filecheck %s --check-prefix=NONE
// NONE: the module has no machine; run attach-machine{machine="NAME"} first

!x = tensor<1x2x64x64x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<4x2x1x1x!quant.uniform<i8:f32, 0.25>>
!y = tensor<1x4x64x64x!quant.uniform<u8:f32, 0.5:3>>

// Few channels, many pixels: six units share the pixels.
// CHECK: nn.conv %x, %w {{.*}}fold = #fabric.fold<@conv, first = 0, units = 6, chain = 1, cols = 1, pixels = 6, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
// A fold that is there stays.
// CHECK: nn.conv %x, %w {{.*}}fold = #fabric.fold<@conv, first = 1, units = 2, chain = 2,
func.func @main(%x: !x) -> (!y, !y) {
  %w = nn.constant dense<1> : tensor<4x2x1x1xi8> -> !w
  %y = nn.conv %x, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !w) -> !y
  %z = nn.conv %x, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1, fold = #fabric.fold<@conv, first = 1, units = 2, chain = 2, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>} : (!x, !w) -> !y
  func.return %y, %z : !y, !y
}

// -----

!x = tensor<1x64x!quant.uniform<u4:f32, 0.5:3>>
!w = tensor<64x4x!quant.uniform<i3:f32, 0.25>>
!y = tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>

// One pixel, many channels: units in a chain load the weights. Six take fewer cycles than three, but
// their configuration is longer. The true widths are noted.
// CHECK: nn.matmul %x, %w {fold = #fabric.fold<@conv, first = 0, units = 3, chain = 3, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 4, wgt_bits = 3>}
func.func @main(%x: !x) -> !y {
  %w = nn.constant dense<1> : tensor<64x4xi8> -> !w
  %y = nn.matmul %x, %w : (!x, !w) -> !y
  func.return %y : !y
}
