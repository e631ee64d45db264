// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},fuse-epilogue' --split-input-file | filecheck %s
// RUN: tilefold-opt %s -p 'fuse-epilogue' --split-input-file --verify-diagnostics | filecheck %s --check-prefix=NONE

// NONE: the module has no machine; run attach-machine{machine="NAME"} first

!x = tensor<1x4x6x6x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<4x4x1x1x!quant.uniform<i8:f32, 0.25>>

// CHECK-LABEL: @main
func.func @main(%x: !x, %w: !w) -> (!x, !x) {
  // CHECK: %a = nn.conv
  // CHECK-NEXT: nn.add %a, %x {epilogue}
  %a = nn.conv %x, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !w) -> !x
  %b = nn.add %a, %x : (!x, !x) -> !x
  // The last of the operands' layers takes the product.
  // CHECK: nn.mul %b, %c {epilogue}
  %c = nn.conv %b, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !w) -> !x
  %d = nn.mul %b, %c : (!x, !x) -> !x
  // Used twice: the tensor in between must exist.
  // CHECK: %f = nn.add %e, %d :
  %e = nn.conv %d, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !w) -> !x
  %f = nn.add %e, %d : (!x, !x) -> !x
  // The same value twice is used twice.
  // CHECK: %h = nn.add %g, %g :
  %g = nn.conv %f, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !w) -> !x
  %h = nn.add %g, %g : (!x, !x) -> !x
  func.return %e, %h : !x, !x
}

// -----

!x = tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>
!v = tensor<4x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<4x4x!quant.uniform<i8:f32, 0.25>>
!q = tensor<1x4x!quant.uniform<u2:f32, 0.5:3>>
!a = tensor<1x4x!quant.uniform<i32:f32, 0.125>>

// CHECK-LABEL: @main
func.func @main(%x: !x, %w: !w, %v: !v) -> (!q, !q, !x) {
  // CHECK: nn.lut %a {table = [0, 1, 1, 1], epilogue}
  %a = nn.matmul %x, %w : (!x, !w) -> !q
  %b = nn.lut %a {table = [0, 1, 1, 1]} : (!q) -> !q
  // A raw accumulator first becomes a stored integer.
  // CHECK: nn.requantize
  // CHECK-NEXT: nn.lut {{%.}} {table = [0, 1, 1, 1]} :
  %c = nn.matmul %x, %w : (!x, !w) -> !a
  %d = nn.requantize %c : (!a) -> !q
  %e = nn.lut %d {table = [0, 1, 1, 1]} : (!q) -> !q
  // A broadcast operand has no tiles of its own.
  // CHECK: nn.add %f, %v :
  %f = nn.matmul %x, %w : (!x, !w) -> !x
  %g = nn.add %f, %v : (!x, !v) -> !x
  func.return %b, %e, %g : !q, !q, !x
}

// -----

!x = tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<4x4x!quant.uniform<i8:f32, 0.25>>

// The other operand is not there before the layer starts, and is no layer itself.
// CHECK-LABEL: @main
// CHECK: nn.add %a, %b :
func.func @main(%x: !x, %w: !w) -> !x {
  %a = nn.matmul %x, %w : (!x, !w) -> !x
  %b = nn.add %x, %x : (!x, !x) -> !x
  %c = nn.add %a, %b : (!x, !x) -> !x
  func.return %c : !x
}
