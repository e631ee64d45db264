// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},lower-to-schedule' --split-input-file | filecheck %s

!x = tensor<1x2x4x4x!quant.uniform<u8:f32, 0.5:3>>
!y = tensor<1x2x2x2x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>

// The first layer writes windows of what is kept, and stores nothing; the second one loads only
// weights. Windows are tiles as the loads and stores would have moved: padding outside, at the same
// places. The pool stores the network's output.
// CHECK-LABEL: schedule.program
// CHECK: %[[A:[0-9]+]] = schedule.tensor {kind = "temporary", label = "t1", memory = "data", address = 64 : i64} : !schedule.tensor<4x4x2xu8>
// CHECK: schedule.for %[[Y:[0-9]+]] = 2 {
// CHECK-NEXT:   schedule.load "load" {{.*}} to !schedule.buffer<4x6x2xu8>
// CHECK-NEXT:   %[[OUT:[0-9]+]] = schedule.window %[[A]][%[[Y]]] {origin = affine_map<(d0) -> ((d0 * 2), 0, 0)>, extents = array<i64: 4, 4, 2>, strides = array<i64: 8, 2, 1>, pad = 0 : i64} : !schedule.tensor<4x4x2xu8> to !schedule.buffer<2x4x2xu8>
// CHECK-NEXT:   schedule.conv "conv.0" %[[OUT]] = %{{[0-9]+}}, %{{[0-9]+}}[%[[Y]]] {origin = affine_map<(d0) -> ((d0 * 2), 0, 0)>
// CHECK-NEXT: }
// CHECK-NOT: schedule.buffer "data"
// CHECK-NOT: schedule.load "load"
// CHECK: %[[B:[0-9]+]] = schedule.tensor {kind = "temporary", label = "t2", memory = "data", address = 0 : i64}
// CHECK: schedule.for %[[Y:[0-9]+]] = 2 {
// CHECK-NEXT:   %[[OUT:[0-9]+]] = schedule.window %[[B]][%[[Y]]]
// CHECK-NEXT:   %[[IN:[0-9]+]] = schedule.window %[[A]][%[[Y]]] {origin = affine_map<(d0) -> (((d0 * 2) + -1), -1, 0)>, extents = array<i64: 4, 4, 2>, strides = array<i64: 8, 2, 1>, pad = 3 : i64} : !schedule.tensor<4x4x2xu8> to !schedule.buffer<4x6x2xu8>
// CHECK-NEXT:   schedule.conv "conv.0" %[[OUT]] = %[[IN]],
// CHECK-NEXT: }
// CHECK: %[[P:[0-9]+]] = schedule.buffer "data" {{.*}} : !schedule.buffer<2x2x2xu8>
// CHECK-NEXT: %[[IN:[0-9]+]] = schedule.window %[[B]][] {{.*}} to !schedule.buffer<4x4x2xu8>
// CHECK-NEXT: schedule.pool "act" %[[P]] = %[[IN]][]
// CHECK-NEXT: schedule.store "store" %[[P]] to %1
func.func @main(%x: !x) -> !y {
  %w = nn.constant dense<1> : tensor<2x2x3x3xi8> -> !w
  %a = nn.conv %x, %w {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1, fold = #fabric.fold<@conv, first = 0, units = 1, chain = 1, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>, tiling = #schedule.tiling<rows = 2, columns = 4, k = 2, c = 2, order = "k y x">, kept = 64, room = 4000} : (!x, !w) -> !x
  %b = nn.conv %a, %w {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1, fold = #fabric.fold<@conv, first = 0, units = 1, chain = 1, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>, tiling = #schedule.tiling<rows = 2, columns = 4, k = 2, c = 2, order = "k y x">, kept = 0, room = 4000} : (!x, !w) -> !x
  %c = nn.max_pool %b {kernel = [2, 2], strides = [2, 2], pads = [0, 0, 0, 0], dilations = [1, 1], room = 4064} : (!x) -> !y
  func.return %c : !y
}

// -----

!x = tensor<1x2x4x4x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<2x2x1x1x!quant.uniform<i8:f32, 0.25>>

// An epilogue adds what is kept to the tile that the convolution has made, and writes a window: only
// that tile has a buffer. The addition after it is in place.
// CHECK-LABEL: schedule.program
// CHECK: %[[A:[0-9]+]] = schedule.tensor {{.*}}memory = "data", address = 0 : i64}
// CHECK: %[[SUM:[0-9]+]] = schedule.tensor {{.*}}memory = "data", address = 32 : i64}
// CHECK: %[[MADE:[0-9]+]] = schedule.buffer "data" {depth = 1 : i64} : !schedule.buffer<2x4x2xu8>
// CHECK: schedule.for %[[Y:[0-9]+]] = 2 {
// CHECK:        schedule.conv "conv.0" %[[MADE]] =
// CHECK-NEXT:   %[[OTHER:[0-9]+]] = schedule.window %[[A]][%[[Y]]] {{.*}} to !schedule.buffer<2x4x2xu8>
// CHECK-NEXT:   %[[OUT:[0-9]+]] = schedule.window %[[SUM]][%[[Y]]] {{.*}} to !schedule.buffer<2x4x2xu8>
// CHECK-NEXT:   schedule.add "act" %[[OUT]] = %[[MADE]], %[[OTHER]][%[[Y]]]
// CHECK-NEXT: }
// CHECK: %[[TWICE:[0-9]+]] = schedule.tensor {{.*}}memory = "data", address = 64 : i64} : !schedule.tensor<4x4x2xu8>
// CHECK: %[[OUT:[0-9]+]] = schedule.window %[[TWICE]][{{.*}} : !schedule.tensor<4x4x2xu8> to !schedule.buffer<32xu8>
// CHECK: schedule.add "act" %[[OUT]] =
// CHECK-NOT: schedule.store
// CHECK: schedule.conv "conv.0" %[[LAST:[0-9]+]] =
// CHECK-NEXT: schedule.store "store" %[[LAST]] to %1
func.func @main(%x: !x) -> !x {
  %w = nn.constant dense<1> : tensor<2x2x1x1xi8> -> !w
  %a = nn.conv %x, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1, fold = #fabric.fold<@conv, first = 0, units = 1, chain = 1, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>, tiling = #schedule.tiling<rows = 4, columns = 4, k = 2, c = 2, order = "k y x">, kept = 0} : (!x, !w) -> !x
  %b = nn.conv %a, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1, fold = #fabric.fold<@conv, first = 0, units = 1, chain = 1, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>, tiling = #schedule.tiling<rows = 2, columns = 4, k = 2, c = 2, order = "k y x">} : (!x, !w) -> !x
  %c = nn.add %a, %b {epilogue, kept = 32} : (!x, !x) -> !x
  %d = nn.add %c, %c {kept = 64} : (!x, !x) -> !x
  %e = nn.conv %d, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1, fold = #fabric.fold<@conv, first = 0, units = 1, chain = 1, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>, tiling = #schedule.tiling<rows = 4, columns = 4, k = 2, c = 2, order = "k y x">} : (!x, !w) -> !x
  func.return %e : !x
}

// -----

!x = tensor<1x2x16x16x!quant.uniform<u8:f32, 0.5:3>>
!y = tensor<1x2x8x8x!quant.uniform<u8:f32, 0.5:3>>

// Tiles are cut for the room that is left: two rows of the source and one of the result, 80 bytes, do
// not fit it twice, half of them do.
// CHECK-LABEL: schedule.program
// CHECK: schedule.for %{{[0-9]+}} = 8 {
// CHECK-NEXT: schedule.for %{{[0-9]+}} = 2 {
// CHECK: schedule.pool "act" {{.*}} : !schedule.buffer<1x4x2xu8> = !schedule.buffer<2x8x2xu8>
// CHECK: schedule.pool "act" {{.*}} : !schedule.buffer<1x8x2xu8> = !schedule.buffer<2x16x2xu8>
func.func @main(%x: !x) -> (!y, !y) {
  %y = nn.max_pool %x {kernel = [2, 2], strides = [2, 2], pads = [0, 0, 0, 0], dilations = [1, 1], room = 80} : (!x) -> !y
  %z = nn.max_pool %x {kernel = [2, 2], strides = [2, 2], pads = [0, 0, 0, 0], dilations = [1, 1], room = 160} : (!x) -> !y
  func.return %y, %z : !y, !y
}
