// RUN: tilefold-opt %s -p 'nn-fold-constants' --print-debuginfo | filecheck %s

!w = tensor<2x3x!quant.uniform<i8:f32:0, {0.5, 0.25}>>
!t = tensor<3x2x!quant.uniform<i8:f32:1, {0.5, 0.25}>>
!c = tensor<1x3x!quant.uniform<u8:f32, 0.5:1>>
!x = tensor<1x3x!quant.uniform<u8:f32, 0.5>>

// CHECK-LABEL: @main
// CHECK-NEXT: nn.constant dense<[{{\[}}1, 4], [-2, 5], [3, -6]]> : tensor<3x2xi8> -> tensor<3x2x!quant.uniform<i8:f32:1, {0.5, 0.25}>> loc(fused["transpose", "weight"])
// CHECK-NEXT: nn.constant dense<{{\[}}[0, 4, 6]]> : tensor<1x3xui8> -> tensor<1x3x!quant.uniform<u8:f32, 0.5>> loc(fused["double", "bias"])
// CHECK-NEXT: nn.add %x, %
// CHECK-NEXT: func.return
func.func @main(%x: !x) -> (!t, !x) {
  %w = nn.constant dense<[[1, -2, 3], [4, 5, -6]]> : tensor<2x3xi8> -> !w loc("weight")
  %t = nn.transpose %w {perm = [1, 0]} : (!w) -> !t loc("transpose")
  %b = nn.constant dense<[[0, 3, 4]]> : tensor<1x3xui8> -> !c loc("bias")
  %d = nn.add %b, %b : (!c, !c) -> !x loc("double")
  %y = nn.add %x, %d : (!x, !x) -> !x loc("add")
  func.return %t, %y : !t, !x
}
