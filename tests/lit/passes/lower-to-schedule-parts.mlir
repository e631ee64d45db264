// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},lower-to-schedule' --split-input-file | filecheck %s

!x = tensor<1x2x4x4x!quant.uniform<u8:f32, 0.5:3>>
!h = tensor<1x2x2x4x!quant.uniform<u8:f32, 0.5:3>>
!y = tensor<1x2x5x4x!quant.uniform<u8:f32, 0.5:3>>

// A slice of rows is part of its input: the pool reads it there. What is put together is made in its
// place, here in the network's output; only what comes from outside is copied.
// CHECK-LABEL: schedule.program
// CHECK: %[[X:[0-9]+]] = schedule.tensor {kind = "input"
// CHECK: %[[Y:[0-9]+]] = schedule.tensor {kind = "output"
// CHECK: %[[ROWS:[0-9]+]] = schedule.part %[[X]] {offset = 16 : i64} : !schedule.tensor<4x4x2xu8> -> !schedule.tensor<2x4x2xu8>
// CHECK: %[[PART:[0-9]+]] = schedule.part %[[Y]] {offset = 0 : i64} : !schedule.tensor<5x4x2xu8> -> !schedule.tensor<1x4x2xu8>
// CHECK: schedule.load "load" %[[ROWS]] to {{.*}} : !schedule.tensor<2x4x2xu8> to !schedule.buffer<2x4x2xu8>
// CHECK-NEXT: schedule.pool
// CHECK-NEXT: schedule.store "store" %{{[0-9]+}} to %[[PART]]
// CHECK: schedule.load "load" %[[X]]
// CHECK-NEXT: schedule.store "store" %{{[0-9]+}} to %[[Y]][] {origin = affine_map<() -> (1, 0, 0)>
// CHECK-NOT: schedule.load
func.func @main(%x: !x) -> !y {
  %r = nn.slice %x {starts = [0, 0, 2, 0], sizes = [1, 2, 2, 4]} : (!x) -> !h
  %p = nn.max_pool %r {kernel = [2, 1], strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1]} : (!h) -> tensor<1x2x1x4x!quant.uniform<u8:f32, 0.5:3>>
  %y = nn.concat %p, %x {axis = 2} : (tensor<1x2x1x4x!quant.uniform<u8:f32, 0.5:3>>, !x) -> !y
  func.return %y : !y
}

// -----

!x = tensor<1x2x4x4x!quant.uniform<u8:f32, 0.5:3>>
!c = tensor<1x2x4x3x!quant.uniform<u8:f32, 0.5:3>>

// What goes out is a copy.
// CHECK-LABEL: schedule.program
// CHECK: schedule.load "load" %0 to %{{.*}} {origin = affine_map<() -> (0, 1, 0)>, extents = array<i64: 4, 4, 2>, strides = array<i64: 8, 2, 1>
// CHECK-NEXT: schedule.store "store" %{{.*}} to %1[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 4, 3, 2>, strides = array<i64: 6, 2, 1>
func.func @main(%x: !x) -> !c {
  %c = nn.slice %x {starts = [0, 0, 0, 1], sizes = [1, 2, 4, 3]} : (!x) -> !c
  func.return %c : !c
}

// -----

!x = tensor<1x4x2x2x!quant.uniform<u8:f32, 0.5:3>>
!h = tensor<1x2x2x2x!quant.uniform<u8:f32, 0.5:3>>
!n = tensor<1x4x2x2x!quant.uniform<u4:f32, 0.5:3>>
!k = tensor<1x3x2x2x!quant.uniform<u4:f32, 0.5:3>>

// Some channels of an image are no run of bytes, but can be worked on where they are: a part reaches
// from the first to the last of them. Stores write whole bytes, so smaller elements are copied.
// CHECK-LABEL: schedule.program
// CHECK: %[[C:[0-9]+]] = schedule.part %[[X:[0-9]+]] {offset = 2 : i64} : !schedule.tensor<2x2x4xu8> -> !schedule.tensor<14xu8>
// CHECK: schedule.load "load" %[[C]] to {{.*}} extents = array<i64: 2, 2, 2>, strides = array<i64: 8, 4, 1>
// CHECK-NEXT: schedule.pool
// CHECK: schedule.load "load" %{{[0-9]+}} to {{.*}} {origin = affine_map<() -> (0, 0, 1)>, extents = array<i64: 2, 2, 4>
func.func @main(%x: !x, %n: !n) -> (!h, !k) {
  %c = nn.slice %x {starts = [0, 2, 0, 0], sizes = [1, 2, 2, 2]} : (!x) -> !h
  %p = nn.max_pool %c {kernel = [1, 1], strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1]} : (!h) -> !h
  %m = nn.slice %n {starts = [0, 1, 0, 0], sizes = [1, 3, 2, 2]} : (!n) -> !k
  %q = nn.max_pool %m {kernel = [1, 1], strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1]} : (!k) -> !k
  func.return %p, %q : !h, !k
}
