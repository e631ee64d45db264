// RUN: tilefold-opt %s -p 'nn-canonicalize' --print-debuginfo | filecheck %s
// RUN: tilefold-opt %s -p 'canonicalize' --print-debuginfo | filecheck %s

!x = tensor<1x2x3x4x!quant.uniform<u2:f32, 0.5>>
!t = tensor<1x3x4x2x!quant.uniform<u2:f32, 0.5>>
!y = tensor<1x24x!quant.uniform<u2:f32, 0.5>>
!z = tensor<1x6x4x!quant.uniform<u2:f32, 0.5>>

// CHECK-LABEL: @movement
// CHECK-NEXT: nn.reshape %x : (tensor<1x2x3x4x!quant.uniform<u2:f32, 0.5>>) -> tensor<1x6x4x!quant.uniform<u2:f32, 0.5>> loc(fused["flatten", "unflatten"])
// CHECK-NEXT: func.return
func.func @movement(%x: !x) -> !z {
  %a = nn.transpose %x {perm = [0, 2, 3, 1]} : (!x) -> !t loc("to")
  %b = nn.transpose %a {perm = [0, 3, 1, 2]} : (!t) -> !x loc("fro")
  %y = nn.reshape %b : (!x) -> !y loc("flatten")
  %z = nn.reshape %y : (!y) -> !z loc("unflatten")
  func.return %z : !z
}

// CHECK-LABEL: @permutations
// CHECK-NEXT: nn.transpose %x {perm = [0, 3, 1, 2]} : {{.*}} loc(fused["first", "second"])
// CHECK-NEXT: func.return
func.func @permutations(%x: !x) -> tensor<1x4x2x3x!quant.uniform<u2:f32, 0.5>> {
  %a = nn.transpose %x {perm = [0, 2, 3, 1]} : (!x) -> !t loc("first")
  %b = nn.transpose %a {perm = [0, 2, 3, 1]} : (!t) -> tensor<1x4x2x3x!quant.uniform<u2:f32, 0.5>> loc("second")
  func.return %b : tensor<1x4x2x3x!quant.uniform<u2:f32, 0.5>>
}

// CHECK-LABEL: @slices
// CHECK-NEXT: nn.slice %x {starts = [0, 0, 1, 2], sizes = [1, 2, 1, 2]} : {{.*}} loc(fused["first", "second"])
// CHECK-NEXT: func.return
func.func @slices(%x: !x) -> tensor<1x2x1x2x!quant.uniform<u2:f32, 0.5>> {
  %a = nn.slice %x {starts = [0, 0, 1, 1], sizes = [1, 2, 2, 3]} : (!x) -> tensor<1x2x2x3x!quant.uniform<u2:f32, 0.5>> loc("first")
  %b = nn.slice %a {starts = [0, 0, 0, 1], sizes = [1, 2, 1, 2]} : (tensor<1x2x2x3x!quant.uniform<u2:f32, 0.5>>) -> tensor<1x2x1x2x!quant.uniform<u2:f32, 0.5>> loc("second")
  func.return %b : tensor<1x2x1x2x!quant.uniform<u2:f32, 0.5>>
}

// CHECK-LABEL: @shuffle
// CHECK-NEXT: nn.rearrange %x {split = [1, 2, 1, 3, 4], perm = [0, 2, 1, 3, 4]} : {{.*}} loc(fused["cut", "turn", "join"])
// CHECK-NEXT: func.return
func.func @shuffle(%x: !x) -> !x {
  %a = nn.reshape %x : (!x) -> tensor<1x2x1x3x4x!quant.uniform<u2:f32, 0.5>> loc("cut")
  %b = nn.transpose %a {perm = [0, 2, 1, 3, 4]} : (tensor<1x2x1x3x4x!quant.uniform<u2:f32, 0.5>>) -> tensor<1x1x2x3x4x!quant.uniform<u2:f32, 0.5>> loc("turn")
  %c = nn.reshape %b : (tensor<1x1x2x3x4x!quant.uniform<u2:f32, 0.5>>) -> !x loc("join")
  func.return %c : !x
}

// The first reshape joins axes, too: all three stay.
// CHECK-LABEL: @joined
// CHECK-NEXT: nn.reshape
// CHECK-NEXT: nn.transpose
// CHECK-NEXT: nn.reshape
func.func @joined(%x: !x) -> !x {
  %a = nn.reshape %x : (!x) -> !z
  %b = nn.transpose %a {perm = [0, 2, 1]} : (!z) -> tensor<1x4x6x!quant.uniform<u2:f32, 0.5>>
  %c = nn.reshape %b : (tensor<1x4x6x!quant.uniform<u2:f32, 0.5>>) -> !x
  func.return %c : !x
}

// CHECK-LABEL: @repeats
// CHECK-NEXT: nn.repeat %x {repeats = [1, 1, 2, 3]} : {{.*}} loc(fused["rows", "columns"])
// CHECK-NEXT: func.return
func.func @repeats(%x: !x) -> tensor<1x2x6x12x!quant.uniform<u2:f32, 0.5>> {
  %a = nn.repeat %x {repeats = [1, 1, 2, 1]} : (!x) -> tensor<1x2x6x4x!quant.uniform<u2:f32, 0.5>> loc("rows")
  %b = nn.repeat %a {repeats = [1, 1, 1, 3]} : (tensor<1x2x6x4x!quant.uniform<u2:f32, 0.5>>) -> tensor<1x2x6x12x!quant.uniform<u2:f32, 0.5>> loc("columns")
  func.return %b : tensor<1x2x6x12x!quant.uniform<u2:f32, 0.5>>
}

// CHECK-LABEL: @nothing
// CHECK-NEXT: func.return %x
func.func @nothing(%x: !x) -> !x {
  %a = nn.concat %x {axis = 1} : (!x) -> !x
  %b = nn.pad %a {low = [0, 0, 0, 0], high = [0, 0, 0, 0]} : (!x) -> !x
  %c = nn.lut %b {table = [0, 1, 2, 3]} : (!x) -> !x
  %d = nn.reshape %c : (!x) -> !x
  %e = nn.transpose %d {perm = [0, 1, 2, 3]} : (!x) -> !x
  %f = nn.slice %e {starts = [0, 0, 0, 0], sizes = [1, 2, 3, 4]} : (!x) -> !x
  %g = nn.repeat %f {repeats = [1, 1, 1, 1]} : (!x) -> !x
  func.return %g : !x
}

// CHECK-LABEL: @something
// CHECK-NEXT: nn.concat
// CHECK-NEXT: nn.lut
func.func @something(%x: !x) -> tensor<1x2x3x4x!quant.uniform<u2:f32, 0.25>> {
  %a = nn.concat %x {axis = 1} : (!x) -> tensor<1x2x3x4x!quant.uniform<u2:f32, 0.25>>
  %b = nn.lut %a {table = [0, 1, 2, 2]} : (tensor<1x2x3x4x!quant.uniform<u2:f32, 0.25>>) -> tensor<1x2x3x4x!quant.uniform<u2:f32, 0.25>>
  func.return %b : tensor<1x2x3x4x!quant.uniform<u2:f32, 0.25>>
}
