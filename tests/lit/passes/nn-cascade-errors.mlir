// RUN: tilefold-opt %s -p 'nn-cascade{first="a" last="b" stripes=2}' --split-input-file --verify-diagnostics | filecheck %s
// RUN: tilefold-opt %s -p 'nn-cascade{first="b" last="a"}' --split-input-file --verify-diagnostics | filecheck %s --check-prefix=ORDER
// RUN: tilefold-opt %s -p 'nn-cascade{first="a" last="z"}' --split-input-file --verify-diagnostics | filecheck %s --check-prefix=NONE
// RUN: tilefold-opt %s -p 'nn-cascade{first="a" last="a" stripes=3}' --split-input-file --verify-diagnostics | filecheck %s --check-prefix=ROWS

!x = tensor<1x2x2x2x!quant.uniform<u8:f32, 0.5:3>>
!m = tensor<1x2x1x1x!quant.uniform<u8:f32, 0.5:3>>

// CHECK: nn-cascade: b: nn.global_avg_pool needs all rows at once
// ORDER: nn-cascade: a does not come after b
// NONE: nn-cascade: the network has no layer "z"
// ROWS: nn-cascade: a has 2 rows, which are no 3 stripes
func.func @main(%x: !x) -> !m {
  %a = nn.max_pool %x {kernel = [1, 1], strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1]} : (!x) -> !x loc("a")
  %b = nn.global_avg_pool %a : (!x) -> !m loc("b")
  func.return %b : !m
}

// -----

!x = tensor<1x2x2x2x!quant.uniform<u8:f32, 0.5:3>>

// CHECK: nn-cascade: a: c reads it after the cascade
func.func @main(%x: !x) -> (!x, !x) {
  %a = nn.max_pool %x {kernel = [1, 1], strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1]} : (!x) -> !x loc("a")
  %b = nn.add %a, %a : (!x, !x) -> !x loc("b")
  %c = nn.add %a, %b : (!x, !x) -> !x loc("c")
  func.return %c, %b : !x, !x
}

// -----

!x = tensor<1x2x2x2x!quant.uniform<u8:f32, 0.5:3>>
!k = tensor<2x2x2x!quant.uniform<u8:f32, 0.5:3>>

// CHECK: nn-cascade: b: nn.add needs all rows at once
func.func @main(%x: !x, %k: !k) -> !x {
  %a = nn.max_pool %x {kernel = [1, 1], strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1]} : (!x) -> !x loc("a")
  %b = nn.add %a, %k : (!x, !k) -> !x loc("b")
  func.return %b : !x
}
