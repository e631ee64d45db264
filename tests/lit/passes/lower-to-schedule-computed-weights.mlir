// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},choose-fold,keep-on-chip,choose-tile,lower-to-schedule' | filecheck %s
// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},keep-on-chip' | filecheck %s --check-prefix=KEPT

!x = tensor<1x4x6x!quant.uniform<u8:f32, 0.5:3>>
!k = tensor<1x6x4x!quant.uniform<i8:f32, 0.25:-3>>
!w = tensor<6x4x!quant.uniform<i8:f32, 0.25:-3>>
!y = tensor<1x4x4x!quant.uniform<u8:f32, 4.0:128>>

// The right operand of a product of two activations is packed in DRAM: empty blocks, of which each of
// two output channels has 12 bytes of parameters and 6 of weights, are copied there, and then columns of
// what the sum is. So that stays in no other memory.
// KEPT: nn.add {{.*}} {room = 4096 : i64}
// KEPT: nn.matmul
// CHECK: schedule.add "act"
// CHECK-NEXT: schedule.store "store" {{%.*}} to [[sum:%[0-9]+]][
// CHECK: [[blocks:%.*]] = schedule.tensor {kind = "temporary", label = "t2"} : !schedule.tensor<2x1x36xu8>
// CHECK-NEXT: [[empty:%.*]] = schedule.tensor {kind = "constant", label = "product", {{.*}} : !schedule.tensor<2x1x36xu8>
// CHECK: schedule.load "load" [[empty]] to
// CHECK-NEXT: schedule.store "store" {{%.*}} to [[blocks]][
// CHECK: [[inside:%.*]] = schedule.part [[blocks]] {offset = 0 : i64} : !schedule.tensor<2x1x36xu8> -> !schedule.tensor<2x1x36xi8>
// CHECK: schedule.load "load" [[sum]] to {{.*}}extents = array<i64: 2, 1, 2, 6>, strides = array<i64: 2, 24, 1, 4>
// CHECK-NEXT: schedule.store "store" {{%.*}} to [[inside]][] {origin = affine_map<() -> (0, 0, 0, 24)>, extents = array<i64: 2, 1, 2, 30>, strides = array<i64: 36, 36, 6, 1>}
// CHECK: schedule.load "wload" [[blocks]] to [[weights:%.*]][
// CHECK-NEXT: schedule.conv "conv.0" {{%.*}} = {{%.*}}, [[weights]][
func.func @main(%x: !x, %a: !k, %b: !k) -> !y {
  %t = nn.add %a, %b : (!k, !k) -> !k loc("sum")
  %w = nn.reshape %t : (!k) -> !w loc("shaped")
  %y = nn.matmul %x, %w : (!x, !w) -> !y loc("product")
  func.return %y : !y
}
