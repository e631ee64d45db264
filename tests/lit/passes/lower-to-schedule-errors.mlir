// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},lower-to-schedule' --split-input-file --verify-diagnostics | filecheck %s

// CHECK: the module has no func.func @main: it is not a network
func.func @other() {
  func.return
}

// -----

!x = tensor<1x4x!quant.uniform<u8:f32, 0.5>>

// CHECK: call: func.call cannot be lowered to a schedule
func.func @main(%x: !x) -> !x {
  %y = func.call @main(%x) : (!x) -> !x loc("call")
  func.return %y : !x
}

// -----

!r = tensor<1x4xf32>
!x = tensor<1x4x!quant.uniform<u8:f32, 0.5>>
!y = tensor<1x4x!quant.uniform<u8:f32, 0.25>>

// CHECK: image: an input quantised in several ways is not supported
func.func @main(%x: !r {nn.name = "image"}) -> (!y) {
  %a = nn.quantize %x : (!r) -> !x
  %b = nn.quantize %x : (!r) -> !y
  %c = nn.add %a, %b : (!x, !y) -> !y
  func.return %c : !y
}

// -----

!x = tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<4x4x!quant.uniform<i8:f32, 0.25>>

// CHECK: fc: has no fold or no tiling; run choose-fold and choose-tile first
func.func @main(%x: !x) -> !x {
  %w = nn.constant dense<1> : tensor<4x4xi8> -> !w
  %y = nn.matmul %x, %w : (!x, !w) -> !x loc("fc")
  func.return %y : !x
}

// -----

!x = tensor<1x1x70x70x!quant.uniform<u8:f32, 0.5:3>>
!y = tensor<1x1x1x1x!quant.uniform<u8:f32, 0.5:3>>

// CHECK: pool: not even its smallest tile fits the memories of machine tiny
func.func @main(%x: !x) -> !y {
  %y = nn.global_avg_pool %x : (!x) -> !y loc("pool")
  func.return %y : !y
}

// -----

!x = tensor<2x3x2x3x2x3x2x!quant.uniform<u8:f32, 0.5:3>>
!y = tensor<2x3x2x3x2x3x2x!quant.uniform<u8:f32, 0.5:3>>

// CHECK: turn: moving it takes 7 dimensions, views have 6
func.func @main(%x: !x) -> !y {
  %y = nn.transpose %x {perm = [6, 5, 4, 3, 2, 1, 0]} : (!x) -> !y loc("turn")
  func.return %y : !y
}
