// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},lower-to-schedule{piece=64}' | filecheck %s
// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},lower-to-schedule' | filecheck %s --check-prefix=WHOLE

// A tile of one output channel has 12 + 18 bytes of weights and parameters, so a piece has two of
// them: five channels are three nests, each with a buffer of its own, which allocation can put
// wherever there is room first. All together write one tensor.

!x = tensor<1x2x4x4x!quant.uniform<u8:f32, 0.5:3>>
!y = tensor<1x5x4x4x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>
!v = tensor<5x2x3x3x!quant.uniform<i8:f32, 0.25>>

// CHECK: %[[BLOCKS:[0-9]+]] = schedule.tensor {kind = "constant", label = "wide", {{.*}} : !schedule.tensor<5x1x30xu8>
// CHECK: %[[FIRST:[0-9]+]] = schedule.buffer "weights"
// CHECK: schedule.for %[[K:[0-9]+]] = 2 {
// CHECK-NEXT: schedule.load "wload" %[[BLOCKS]] to %[[FIRST]][%[[K]]] {origin = affine_map<(d0) -> (d0, 0, 0)>
// CHECK: schedule.conv "conv.0" {{.*}}[%[[K]]] {origin = affine_map<(d0) -> (0, 0, d0)>
// CHECK: %[[SECOND:[0-9]+]] = schedule.buffer "weights"
// CHECK: schedule.for %[[K:[0-9]+]] = 2 {
// CHECK-NEXT: schedule.load "wload" %[[BLOCKS]] to %[[SECOND]][%[[K]]] {origin = affine_map<(d0) -> ((d0 + 2), 0, 0)>
// CHECK: schedule.conv "conv.0" {{.*}}[%[[K]]] {origin = affine_map<(d0) -> (0, 0, (d0 + 2))>
// CHECK: %[[THIRD:[0-9]+]] = schedule.buffer "weights"
// CHECK-NOT: schedule.for
// CHECK: schedule.load "wload" %[[BLOCKS]] to %[[THIRD]][] {origin = affine_map<() -> (4, 0, 0)>
// CHECK: schedule.conv "conv.0" {{.*}}[] {origin = affine_map<() -> (0, 0, 4)>
// WHOLE: schedule.for %{{[0-9]+}} = 5 {
// WHOLE-NOT: schedule.for
func.func @main(%x: !x) -> !y {
  %w = nn.constant dense<1> : tensor<2x2x3x3xi8> -> !w
  %v = nn.constant dense<1> : tensor<5x2x3x3xi8> -> !v
  %a = nn.conv %x, %w {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1, fold = #fabric.fold<@conv, first = 0, units = 1, chain = 1, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>, tiling = #schedule.tiling<rows = 4, columns = 4, k = 2, c = 2, order = "k y x">, kept = 0, room = 4000} : (!x, !w) -> !x
  %b = nn.conv %a, %v {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1, fold = #fabric.fold<@conv, first = 0, units = 1, chain = 1, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>, tiling = #schedule.tiling<rows = 4, columns = 4, k = 1, c = 2, order = "k y x">, room = 4000} : (!x, !v) -> !y loc("wide")
  func.return %b : !y
}
