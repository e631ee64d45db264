// RUN: tilefold-opt %s -p 'nn-to-isa{machine="tiny"}' --split-input-file --verify-diagnostics | filecheck %s
// RUN: tilefold-opt %s -p 'nn-to-isa{machine="tiny" order="image"}' --split-input-file --verify-diagnostics | filecheck %s --check-prefix=ORDER

// Whatever pass fails, the message names the operator.

!x = tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<4x4x!quant.uniform<i8:f32, 0.25>>

// ORDER: nn-to-isa: order is "image", but must be frame or layer
// CHECK: fc: weights and biases must be constants of the network
func.func @main(%x: !x, %w: !w, %b: tensor<4xi32>) -> !x {
  %y = nn.matmul %x, %w, %b : (!x, !w, tensor<4xi32>) -> !x loc("fc")
  func.return %y : !x
}

// -----

!x = tensor<1x1x64x64x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<1x1x2x2x!quant.uniform<i8:f32, 0.25>>
!y = tensor<1x1x1x1x!quant.uniform<u8:f32, 0.5:3>>

// CHECK: wide: not even its smallest tile fits the memories of machine tiny
func.func @main(%x: !x) -> !y {
  %w = nn.constant dense<1> : tensor<1x1x2x2xi8> -> !w loc("w")
  %y = nn.conv %x, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [63, 63], groups = 1} : (!x, !w) -> !y loc("wide")
  func.return %y : !y
}

// -----

!x = tensor<1x4x2x2x!quant.uniform<u8:f32, 0.5:3>>
!b = tensor<2x2x2x2x!quant.uniform<u8:f32, 0.5:3>>

// CHECK: split: has batch 2; only batch 1 is supported
func.func @main(%x: !x) -> !x {
  %b = nn.reshape %x : (!x) -> !b loc("split")
  %s = nn.add %b, %b : (!b, !b) -> !b loc("sum")
  %y = nn.reshape %s : (!b) -> !x loc("join")
  func.return %y : !x
}

// -----

!b = tensor<2x2x2x2x!quant.uniform<u8:f32, 0.5:3>>

// CHECK: image: has batch 2; only batch 1 is supported
func.func @main(%x: !b {nn.name = "image"}) -> !b {
  %y = nn.add %x, %x : (!b, !b) -> !b loc("sum")
  func.return %y : !b
}
