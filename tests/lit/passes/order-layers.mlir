// RUN: tilefold-opt %s -p 'order-layers' --split-input-file --verify-diagnostics | filecheck %s

!x = tensor<1x4x6x6x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<4x4x1x1x!quant.uniform<i8:f32, 0.25>>

// Layers in the order of their starts, what is between them as early as its operands allow. The
// addition is now built into the layer that comes last.
// CHECK-LABEL: @main
// CHECK-NEXT: %w = nn.constant
// CHECK-NEXT: %a = nn.conv %x, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} :
// CHECK-NEXT: %p = nn.max_pool %a
// CHECK-NEXT: %d = nn.conv %x, %w
// CHECK-NEXT: %b = nn.conv %p, %w
// CHECK-NEXT: %e = nn.add %b, %d {epilogue}
// CHECK-NEXT: %c = nn.conv %a, %w
// CHECK-NEXT: return %e, %c
// CHECK-NOT: start
func.func @main(%x: !x) -> (!x, !x) {
  %w = nn.constant dense<1> : tensor<4x4x1x1xi8> -> !w
  %a = nn.conv %x, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1, start = 10 : i64} : (!x, !w) -> !x
  %c = nn.conv %a, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1, start = 40 : i64} : (!x, !w) -> !x
  %p = nn.max_pool %a {kernel = [1, 1], strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1]} : (!x) -> !x
  %b = nn.conv %p, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1, start = 30 : i64} : (!x, !w) -> !x
  %d = nn.conv %x, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1, start = 10 : i64} : (!x, !w) -> !x
  %e = nn.add %b, %d {epilogue} : (!x, !x) -> !x
  func.return %e, %c : !x, !x
}

// -----

!x = tensor<1x4x6x6x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<4x4x1x1x!quant.uniform<i8:f32, 0.25>>

// Without starts nothing moves.
// CHECK-LABEL: @main
// CHECK-NEXT: %a = nn.conv
// CHECK-NEXT: %w = nn.constant
// CHECK-NEXT: %b = nn.conv
func.func @main(%x: !x, %v: !w) -> !x {
  %a = nn.conv %x, %v {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !w) -> !x
  %w = nn.constant dense<1> : tensor<4x4x1x1xi8> -> !w
  %b = nn.conv %a, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !w) -> !x
  func.return %b : !x
}

// -----

!x = tensor<1x4x6x6x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<4x4x1x1x!quant.uniform<i8:f32, 0.25>>

// CHECK: second: starts no later than what it reads
func.func @main(%x: !x, %w: !w) -> !x {
  %a = nn.conv %x, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1, start = 10 : i64} : (!x, !w) -> !x loc("first")
  %b = nn.conv %a, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1, start = 10 : i64} : (!x, !w) -> !x loc("second")
  func.return %b : !x
}

// -----

!x = tensor<1x4x6x6x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<4x4x1x1x!quant.uniform<i8:f32, 0.25>>

// CHECK: sum: its layer starts before what is added
func.func @main(%x: !x, %w: !w) -> (!x, !x) {
  %a = nn.conv %x, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1, start = 20 : i64} : (!x, !w) -> !x
  %b = nn.conv %x, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1, start = 10 : i64} : (!x, !w) -> !x
  %c = nn.add %a, %b {epilogue} : (!x, !x) -> !x loc("sum")
  func.return %c, %a : !x, !x
}
