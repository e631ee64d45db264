// RUN: tilefold-opt %s -p 'verify-semantics' | filecheck %s --check-prefix=NOTED
// RUN: tilefold-opt %s -p 'verify-semantics,nn-fuse,verify-semantics,attach-machine{machine="tiny"},choose-fold,choose-tile,lower-to-schedule,verify-semantics,schedule-buffer-depth,schedule-allocate,schedule-insert-tokens,verify-semantics,lower-to-isa,verify-semantics' | filecheck %s --check-prefix=KEPT
// RUN: tilefold-opt %s -p 'verify-semantics,verify-semantics{seed=1}' --verify-diagnostics | filecheck %s --check-prefix=SEED

// The pass notes a digest of each output on seeded inputs.
// NOTED: builtin.module attributes {tilefold.semantics = {y = "{{[0-9a-f]+}}", z = "{{[0-9a-f]+}}"}} {
// NOTED-NEXT: func.func @main
// What it noted on the network still holds at every level below.
// KEPT: builtin.module attributes {tilefold.semantics = {y = "{{[0-9a-f]+}}", z = "{{[0-9a-f]+}}"}} {
// KEPT: isa.program
// It does look at the outputs: on other inputs they are others.
// SEED: verify-semantics: output y is not what it was at the last verify-semantics

!f = tensor<1x4xf32>
!x = tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<4x4x!quant.uniform<i8:f32, 0.25>>
!a = tensor<1x4x!quant.uniform<i32:f32, 0.125>>

func.func @main(%f: !f {nn.name = "image"}, %b: !x {nn.name = "bias"}) -> (!x {nn.name = "y"}, !f {nn.name = "z"}) {
  %x = nn.quantize %f : (!f) -> !x
  %w = nn.constant dense<[[1, -2, 3, 4], [5, 6, 7, -8], [9, 1, 2, 3], [4, 5, 6, 7]]> : tensor<4x4xi8> -> !w
  %a = nn.matmul %x, %w : (!x, !w) -> !a
  %y = nn.requantize %a {clamp = [3, 255]} : (!a) -> !x
  %s = nn.add %y, %b : (!x, !x) -> !x
  %z = nn.dequantize %s : (!x) -> !f
  func.return %y, %z : !x, !f
}
