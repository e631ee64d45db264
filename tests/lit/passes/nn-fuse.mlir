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

// -----

!x = tensor<1x4x!quant.uniform<u2:f32, 0.5:1>>
!y = tensor<1x4x!quant.uniform<u2:f32, 0.25:1>>

// A requantisation of stored integers is a table too: [1, 1, 3, 3] here.
// CHECK-LABEL: @tables
// CHECK-NEXT: %y = nn.lut %x {table = [3, 3, 1, 1]}
// CHECK-NEXT: func.return %y
func.func @tables(%x: !x) -> !y {
  %a = nn.lut %x {table = [0, 1, 3, 3]} : (!x) -> !x
  %b = nn.requantize %a {clamp = [1, 3]} : (!x) -> !y
  %y = nn.lut %b {table = [0, 3, 2, 1]} : (!y) -> !y
  func.return %y : !y
}

// A clamp of a sum narrows the bounds it has; a table that cannot matter goes.
// CHECK-LABEL: @sum
// CHECK-NEXT: %z = nn.add %x, %w {clamp = [1, 2]}
// CHECK-NEXT: func.return %z
func.func @sum(%x: !x, %w: !x) -> !x {
  %s = nn.add %x, %w {clamp = [1, 3]} : (!x, !x) -> !x
  %y = nn.lut %s {table = [0, 1, 2, 2]} : (!x) -> !x
  %z = nn.lut %y {table = [3, 1, 2, 0]} : (!x) -> !x
  func.return %z : !x
}

// A tensor times a table of itself is one table: codes 0 to 3 stand for -0.5 to 1, their gates are
// 0, 0.5, 0.5 and 1, of which the products 0, 0, 0.25 and 1 are 1, 1, 2 and 3 (0.5 rounds to even).
// CHECK-LABEL: @gate
// CHECK-NEXT: %y = nn.lut %x {table = [1, 1, 2, 3]}
// CHECK-NEXT: func.return %y
func.func @gate(%x: !x) -> !x {
  %s = nn.lut %x {table = [1, 2, 2, 3]} : (!x) -> !x
  %y = nn.mul %x, %s : (!x, !x) -> !x
  func.return %y : !x
}

// So are a sum with itself, and with one number.
// CHECK-LABEL: @number
// CHECK-NEXT: nn.lut %x {table = [1, 3, 3, 3]}
// CHECK-NEXT: func.return
func.func @number(%x: !x) -> !x {
  %two = nn.constant dense<[[2]]> : tensor<1x1xui8> -> tensor<1x1x!quant.uniform<u2:f32, 0.5:1>>
  %s = nn.add %x, %two : (!x, tensor<1x1x!quant.uniform<u2:f32, 0.5:1>>) -> !x
  %y = nn.add %s, %s : (!x, !x) -> !x
  func.return %y : !x
}

// Not a clamp: the table stays.
// CHECK-LABEL: @no_clamp
// CHECK-NEXT: nn.add
// CHECK-NEXT: nn.lut
func.func @no_clamp(%x: !x, %w: !x) -> !x {
  %s = nn.add %x, %w : (!x, !x) -> !x
  %y = nn.lut %s {table = [0, 2, 2, 3]} : (!x) -> !x
  func.return %y : !x
}

// -----

!x = tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>
!p = tensor<1x2x8x9x!quant.uniform<u8:f32, 0.5:3>>
!z = tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5>>
!pz = tensor<1x2x7x7x!quant.uniform<u8:f32, 0.5>>
!w = tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>

// CHECK-LABEL: @pad_conv
// CHECK-NEXT: nn.conv %x, %w {strides = [1, 1], pads = [1, 1, 1, 3], dilations = [1, 1], groups = 1}
// CHECK-NEXT: func.return
func.func @pad_conv(%x: !x, %w: !w) -> tensor<1x2x6x8x!quant.uniform<u8:f32, 0.5:3>> {
  %p = nn.pad %x {low = [0, 0, 1, 1], high = [0, 0, 1, 2]} : (!x) -> !p
  %y = nn.conv %p, %w {strides = [1, 1], pads = [0, 0, 0, 1], dilations = [1, 1], groups = 1} : (!p, !w) -> tensor<1x2x6x8x!quant.uniform<u8:f32, 0.5:3>>
  func.return %y : tensor<1x2x6x8x!quant.uniform<u8:f32, 0.5:3>>
}

// Padding of channels is no padding of a convolution.
// CHECK-LABEL: @pad_channels
// CHECK-NEXT: nn.pad
// CHECK-NEXT: nn.conv
func.func @pad_channels(%x: tensor<1x1x6x6x!quant.uniform<u8:f32, 0.5:3>>, %w: !w) -> tensor<1x2x4x4x!quant.uniform<u8:f32, 0.5:3>> {
  %p = nn.pad %x {low = [0, 1, 0, 0], high = [0, 0, 0, 0]} : (tensor<1x1x6x6x!quant.uniform<u8:f32, 0.5:3>>) -> !x
  %y = nn.conv %p, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !w) -> tensor<1x2x4x4x!quant.uniform<u8:f32, 0.5:3>>
  func.return %y : tensor<1x2x4x4x!quant.uniform<u8:f32, 0.5:3>>
}

// No input is below the zero point 0, so padding by it wins no maximum.
// CHECK-LABEL: @pad_pool
// CHECK-NEXT: nn.max_pool %x {kernel = [2, 2], strides = [1, 1], pads = [1, 1, 0, 0], dilations = [1, 1]}
// CHECK-NEXT: func.return
func.func @pad_pool(%x: !z) -> !z {
  %p = nn.pad %x {low = [0, 0, 1, 1], high = [0, 0, 0, 0]} : (!z) -> !pz
  %y = nn.max_pool %p {kernel = [2, 2], strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1]} : (!pz) -> !z
  func.return %y : !z
}

// Here inputs may be 0 to 2, below the zero point 3.
// CHECK-LABEL: @pad_pool_above
// CHECK-NEXT: nn.pad
// CHECK-NEXT: nn.max_pool
func.func @pad_pool_above(%x: !x) -> tensor<1x2x7x8x!quant.uniform<u8:f32, 0.5:3>> {
  %p = nn.pad %x {low = [0, 0, 1, 1], high = [0, 0, 1, 2]} : (!x) -> !p
  %y = nn.max_pool %p {kernel = [2, 2], strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1]} : (!p) -> tensor<1x2x7x8x!quant.uniform<u8:f32, 0.5:3>>
  func.return %y : tensor<1x2x7x8x!quant.uniform<u8:f32, 0.5:3>>
}

// Nor may a window hold padding alone.
// CHECK-LABEL: @pad_pool_empty
// CHECK-NEXT: nn.pad
// CHECK-NEXT: nn.max_pool
func.func @pad_pool_empty(%x: !z) -> !pz {
  %p = nn.pad %x {low = [0, 0, 1, 1], high = [0, 0, 0, 0]} : (!z) -> !pz
  %y = nn.max_pool %p {kernel = [1, 1], strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1]} : (!pz) -> !pz
  func.return %y : !pz
}

// -----

!x = tensor<1x1x2x2x!quant.uniform<u2:f32, 0.5>>
!w = tensor<1x1x2x2x!quant.uniform<u2:f32, 1.0>>

// Only the input of another scale is looked up, once for both of its places.
// CHECK-LABEL: @concat
// CHECK-NEXT: %[[T:.*]] = nn.lut %y {table = [0, 2, 3, 3]}
// CHECK-NEXT: nn.concat %x, %[[T]], %[[T]] {axis = 1}
// CHECK-NEXT: func.return
func.func @concat(%x: !x, %y: !w) -> tensor<1x3x2x2x!quant.uniform<u2:f32, 0.5>> {
  %c = nn.concat %x, %y, %y {axis = 1} : (!x, !w, !w) -> tensor<1x3x2x2x!quant.uniform<u2:f32, 0.5>> loc("c")
  func.return %c : tensor<1x3x2x2x!quant.uniform<u2:f32, 0.5>>
}
