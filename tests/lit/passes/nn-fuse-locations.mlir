// RUN: tilefold-opt %s -p 'nn-fuse' --print-debuginfo | filecheck %s

!x = tensor<1x1x4x4x!quant.uniform<u2:f32, 0.5:1>>
!p = tensor<1x1x6x6x!quant.uniform<u2:f32, 0.5:1>>
!w = tensor<1x1x3x3x!quant.uniform<i8:f32, 0.25>>
!a = tensor<1x1x4x4x!quant.uniform<i32:f32, 0.125>>

// CHECK: nn.conv %x, %w {{.*}} loc(fused["conv", "pad", "quantise", "relu"])
// CHECK-NEXT: func.return
func.func @layer(%x: !x, %w: !w) -> !x {
  %p = nn.pad %x {low = [0, 0, 1, 1], high = [0, 0, 1, 1]} : (!x) -> !p loc("pad")
  %a = nn.conv %p, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!p, !w) -> !a loc("conv")
  %q = nn.requantize %a : (!a) -> !x loc("quantise")
  %y = nn.lut %q {table = [1, 1, 2, 3]} : (!x) -> !x loc("relu")
  func.return %y : !x
}
