// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},choose-fold,keep-on-chip,choose-tile,lower-to-schedule' | filecheck %s
// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},keep-on-chip' | filecheck %s --check-prefix=KEPT

!x = tensor<1x4x6x!quant.uniform<u8:f32, 0.5:3>>
!k = tensor<1x6x4x!quant.uniform<i8:f32, 0.25:-3>>
!w = tensor<6x4x!quant.uniform<i8:f32, 0.25:-3>>
!y = tensor<1x4x4x!quant.uniform<u8:f32, 4.0:128>>

// The right operand of a product of two activations is packed in DRAM: an empty block, of which each of
// four output channels has 12 bytes of parameters and 6 of weights, is copied there, and then columns of
// what the sum is. So that stays in no other memory.
// KEPT: nn.add {{.*}} {room = 4096 : i64}
// KEPT: nn.matmul
// CHECK: schedule.add "act"
// CHECK-NEXT: schedule.store "store" {{%.*}} to [[sum:%[0-9]+]][
// CHECK: [[blocks:%.*]] = schedule.tensor {kind = "temporary", label = "t2"} : !schedule.tensor<1x1x72xu8>
// CHECK-NEXT: [[empty:%.*]] = schedule.tensor {kind = "constant", label = "product", {{.*}} : !schedule.tensor<1x1x72xu8>
// CHECK: schedule.load "load" [[empty]] to
// CHECK-NEXT: schedule.store "store" {{%.*}} to [[blocks]][
// CHECK: [[inside:%.*]] = schedule.part [[blocks]] {offset = 0 : i64} : !schedule.tensor<1x1x72xu8> -> !schedule.tensor<1x1x72xi8>
// CHECK: schedule.load "load" [[sum]] to {{.*}}extents = array<i64: 1, 1, 4, 6>, strides = array<i64: {{[0-9]+, [0-9]+}}, 1, 4>
// CHECK-NEXT: schedule.store "store" {{%.*}} to [[inside]][] {origin = affine_map<() -> (0, 0, 0, 48)>, extents = array<i64: 1, 1, 4, 54>, strides = array<i64: 72, 72, 6, 1>}
// CHECK: schedule.load "wload" [[blocks]] to [[weights:%[0-9]+]][
// CHECK: schedule.conv "conv.0" {{%.*}} = {{%.*}}, [[weights]][
func.func @main(%x: !x, %a: !k, %b: !k) -> !y {
  %t = nn.add %a, %b : (!k, !k) -> !k loc("sum")
  %w = nn.reshape %t : (!k) -> !w loc("shaped")
  %y = nn.matmul %x, %w : (!x, !w) -> !y loc("product")
  func.return %y : !y
}
