// RUN: tilefold-opt %s -p 'nn-fuse' --split-input-file | filecheck %s

!x = tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>
!a = tensor<1x2x6x6x!quant.uniform<i32:f32, 0.125>>
!y = tensor<1x2x6x6x!quant.uniform<u8:f32, 2.0:7>>

// CHECK-LABEL: @requantize
// CHECK: nn.conv %x, %w {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1, clamp = [7, 255]}
// CHECK-SAME: -> tensor<1x2x6x6x!quant.uniform<u8:f32, 2.0:7>>
// CHECK-NEXT: func.return
func.func @requantize(%x: !x, %w: !w) -> !y {
  %a = nn.conv %x, %w {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1} : (!x, !w) -> !a
  %y = nn.requantize %a {clamp = [7, 255]} : (!a) -> !y
  func.return %y : !y
}

// The raw accumulators have another use: both stay.
// CHECK-LABEL: @two_uses
// CHECK: nn.conv
// CHECK-NEXT: nn.requantize
func.func @two_uses(%x: !x, %w: !w) -> (!y, !a) {
  %a = nn.conv %x, %w {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1} : (!x, !w) -> !a
  %y = nn.requantize %a : (!a) -> !y
  func.return %y, %a : !y, !a
}

// -----

!x = tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<4x5x!quant.uniform<i8:f32, 0.25>>
!a = tensor<1x5x!quant.uniform<i32:f32, 0.125>>
!y = tensor<1x5x!quant.uniform<u2:f32, 2.0:1>>

// A product, its requantisation and a clamp.
// CHECK-LABEL: @clamp
// CHECK: %y = nn.matmul %x, %w {clamp = [1, 2]}
// CHECK-NEXT: func.return %y
func.func @clamp(%x: !x, %w: !w) -> !y {
  %a = nn.matmul %x, %w : (!x, !w) -> !a
  %q = nn.requantize %a : (!a) -> !y
  %y = nn.lut %q {table = [1, 1, 2, 2]} : (!y) -> !y
  func.return %y : !y
}
