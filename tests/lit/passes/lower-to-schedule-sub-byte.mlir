// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},fuse-epilogue,choose-fold,choose-tile,lower-to-schedule' --split-input-file | filecheck %s
// RUN: tilefold-opt %s -p 'verify-semantics,nn-to-isa{machine="tiny"},verify-semantics' --split-input-file | filecheck %s --check-prefix=KEPT

// Stores write whole bytes. Where the rows of a sub-byte result are not dense or do not lie at
// whole bytes, it is stored in bytes first and packed by a table that changes no integer.

!x = tensor<1x2x2x2x!quant.uniform<u4:f32, 0.5:3>>
!y = tensor<1x3x2x2x!quant.uniform<u4:f32, 0.5:3>>
!z = tensor<1x5x2x2x!quant.uniform<u4:f32, 0.5:3>>

// KEPT: tilefold.semantics = {output0 = "{{[0-9a-f]+}}", output1 = "{{[0-9a-f]+}}"}
// CHECK-LABEL: schedule.program
// CHECK: %[[X:[0-9]+]] = schedule.tensor {kind = "input", label = "input0"
// CHECK: %[[Y:[0-9]+]] = schedule.tensor {kind = "input", label = "input1"
// CHECK: %[[EVEN:[0-9]+]] = schedule.tensor {kind = "output", label = "output0"
// CHECK: %[[ODD:[0-9]+]] = schedule.tensor {kind = "output", label = "output1"
// CHECK-NOT: schedule.lut
// CHECK: schedule.store "store" {{.*}} to %[[EVEN]][] {origin = affine_map<() -> (0, 0, 0)>
// CHECK-NOT: schedule.lut
// CHECK: schedule.store "store" {{.*}} to %[[EVEN]][] {origin = affine_map<() -> (0, 0, 2)>
// The second part would start in the middle of a byte.
// CHECK: %[[BYTES:[0-9]+]] = schedule.tensor {kind = "temporary", {{.*}} : !schedule.tensor<2x2x5xu8>
// CHECK: schedule.load "load" %[[Y]] to
// CHECK: schedule.lut "act" {{.*}} : !schedule.buffer<2x2x3xu8> = !schedule.buffer<2x2x3xu4>
// CHECK: schedule.store "store" {{.*}} to %[[BYTES]][] {origin = affine_map<() -> (0, 0, 0)>
// CHECK: schedule.load "load" %[[X]] to
// CHECK: schedule.lut "act" {{.*}} : !schedule.buffer<2x2x2xu8> = !schedule.buffer<2x2x2xu4>
// CHECK: schedule.store "store" {{.*}} to %[[BYTES]][] {origin = affine_map<() -> (0, 0, 3)>
// CHECK: schedule.load "load" %[[BYTES]] to
// CHECK: schedule.lut "act" {{.*}} : !schedule.buffer<2x2x5xu4> = !schedule.buffer<2x2x5xu8>
// CHECK: schedule.store "store" {{.*}} to %[[ODD]][] {{.*}}strides = array<i64: 12, 6, 1>
func.func @main(%x: !x, %y: !y) -> (!z, !z) {
  %a = nn.concat %x, %y {axis = 1} : (!x, !y) -> !z loc("even")
  %b = nn.concat %y, %x {axis = 1} : (!y, !x) -> !z loc("odd")
  func.return %a, %b : !z, !z
}

// -----

!x = tensor<1x2x3x4x!quant.uniform<u4:f32, 0.5:3>>
!o = tensor<1x2x3x5x!quant.uniform<u8:f32, 0.03125>>
!w = tensor<4x5x!quant.uniform<i8:f32, 0.25>>
!y = tensor<1x2x3x5x!quant.uniform<i4:f32, 2.0>>
!z = tensor<1x2x3x5x!quant.uniform<u8:f32, 2.0>>

// The columns that a matrix product makes are not the innermost axis in memory. What counts is the
// result that is stored, be it that of an epilogue.
// KEPT: tilefold.semantics
// CHECK-LABEL: schedule.program
// CHECK: %[[A:[0-9]+]] = schedule.tensor {kind = "output", label = "output0"
// CHECK: %[[C:[0-9]+]] = schedule.tensor {kind = "output", label = "output1"
// CHECK: %[[D:[0-9]+]] = schedule.tensor {kind = "output", label = "output2"
// CHECK: %[[BYTES:[0-9]+]] = schedule.tensor {kind = "temporary", {{.*}} : !schedule.tensor<3x5x2xi8>
// CHECK: schedule.conv "conv.0" {{.*}} lo = -8 : i64, hi = 7 : i64, {{.*}} : !schedule.buffer<{{[0-9]+}}x3x{{[0-9]+}}xi8> =
// CHECK-NEXT: schedule.store "store" {{.*}} to %[[BYTES]][{{.*}} strides = array<i64: 1, 10, 2>
// CHECK: schedule.lut "act" {{.*}} : !schedule.buffer<3x5x2xi4> = !schedule.buffer<3x5x2xi8>
// CHECK-NEXT: schedule.store "store" {{.*}} to %[[A]][] {{.*}} strides = array<i64: 10, 2, 1>
// CHECK: schedule.conv "conv.0" {{.*}} : !schedule.buffer<{{[0-9]+}}x3x{{[0-9]+}}xi4> =
// CHECK-NEXT: schedule.lut "act" {{.*}} : !schedule.buffer<{{[0-9]+}}x3x{{[0-9]+}}xu8> = !schedule.buffer<{{[0-9]+}}x3x{{[0-9]+}}xi4>
// CHECK-NEXT: schedule.store "store" {{.*}} to %[[C]][
// CHECK: %[[SUMS:[0-9]+]] = schedule.tensor {kind = "temporary", {{.*}} : !schedule.tensor<3x5x2xi8>
// CHECK: schedule.add "act" {{.*}} lo = -8 : i64, hi = 7 : i64} : !schedule.buffer<{{[0-9]+}}x3x{{[0-9]+}}xi8> =
// CHECK-NEXT: schedule.store "store" {{.*}} to %[[SUMS]][
// CHECK: schedule.lut "act" {{.*}} : !schedule.buffer<3x5x2xi4> = !schedule.buffer<3x5x2xi8>
// CHECK-NEXT: schedule.store "store" {{.*}} to %[[D]][
func.func @main(%x: !x, %o: !o) -> (!y, !z, !y) {
  %w = nn.constant dense<1> : tensor<4x5xi8> -> !w
  %a = nn.matmul %x, %w : (!x, !w) -> !y loc("narrow")
  %b = nn.matmul %x, %w : (!x, !w) -> !y loc("product")
  %c = nn.lut %b {table = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]} : (!y) -> !z loc("table")
  %d = nn.matmul %x, %w : (!x, !w) -> !z loc("wide")
  %e = nn.add %d, %o : (!z, !o) -> !y loc("added")
  func.return %a, %c, %e : !y, !z, !y
}

// -----

!a = tensor<1x2x3x3x!quant.uniform<i32:f32:1, {0.5, 0.25}>>
!b = tensor<1x2x3x3x!quant.uniform<i32:f32:2, {0.5, 0.25, 0.125}>>
!y = tensor<1x2x3x3x!quant.uniform<u2:f32, 0.5:3>>

// Parameters run along the innermost dimension of a step, which need not be that of memory.
// KEPT: tilefold.semantics
// CHECK-LABEL: schedule.program
// CHECK: schedule.requantize "act" {{.*}} : !schedule.buffer<1x3x2xu2> =
// CHECK: %[[BYTES:[0-9]+]] = schedule.tensor {kind = "temporary", {{.*}} : !schedule.tensor<3x3x2xu8>
// CHECK: schedule.requantize "act" {{.*}} : !schedule.buffer<1x1x3xu8> =
// CHECK-NEXT: schedule.store "store" {{.*}} to %[[BYTES]][{{.*}} strides = array<i64: 2, 1, 6>
// CHECK: schedule.lut "act" {{.*}} : !schedule.buffer<3x3x2xu2> = !schedule.buffer<3x3x2xu8>
func.func @main(%a: !a, %b: !b) -> (!y, !y) {
  %c = nn.requantize %a : (!a) -> !y loc("channels")
  %d = nn.requantize %b : (!b) -> !y loc("rows")
  func.return %c, %d : !y, !y
}

// -----

!x = tensor<2x3x!quant.uniform<u4:f32, 0.5:3>>
!y = tensor<3x2x!quant.uniform<u4:f32, 0.5:3>>

// A reshape cuts rows anew, within bytes; a transpose stores whole rows from scattered elements.
// KEPT: tilefold.semantics
// CHECK-LABEL: schedule.program
// CHECK: %[[BYTES:[0-9]+]] = schedule.tensor {kind = "temporary", {{.*}} : !schedule.tensor<6xu8>
// CHECK: schedule.lut "act" {{.*}} : !schedule.buffer<2x3xu8> = !schedule.buffer<2x3xu4>
// CHECK-NEXT: schedule.store "store" {{.*}} to %[[BYTES]][] {{.*}} strides = array<i64: 3, 1>
// CHECK: schedule.load "load" %[[BYTES]] to
// CHECK-NEXT: schedule.lut "act" {{.*}} : !schedule.buffer<6xu4> = !schedule.buffer<6xu8>
// CHECK-NOT: schedule.lut
// CHECK: schedule.load "load" {{.*}} strides = array<i64: 1, 4>
// CHECK-NEXT: schedule.store "store" {{.*}} strides = array<i64: 2, 1>{{.*}} : !schedule.buffer<3x2xu4>
func.func @main(%x: !x) -> (!y, !y) {
  %a = nn.reshape %x : (!x) -> !y loc("reshape")
  %b = nn.transpose %x {perm = [1, 0]} : (!x) -> !y loc("transpose")
  func.return %a, %b : !y, !y
}

// -----

!x = tensor<1x1x3x2x!quant.uniform<u4:f32, 0.5:3>>
!y = tensor<1x1x2x3x!quant.uniform<u4:f32, 0.5:3>>

// Rows of one element take a byte each: they are dense, and lie at whole bytes.
// KEPT: tilefold.semantics
// CHECK-LABEL: schedule.program
// CHECK-NOT: schedule.lut
// CHECK: schedule.store "store" {{.*}} strides = array<i64: 6, 2, 1>} : !schedule.buffer<2x3x1xu4>
// CHECK-NOT: schedule.lut
func.func @main(%x: !x) -> !y {
  %y = nn.transpose %x {perm = [0, 1, 3, 2]} : (!x) -> !y loc("turn")
  func.return %y : !y
}

// -----

!w = tensor<4x2x1x1x!quant.uniform<i8:f32, 0.25>>
!x = tensor<1x4x2x2x!quant.uniform<u8:f32, 0.5:3>>
!y = tensor<1x4x2x2x!quant.uniform<u2:f32, 16.0>>

// Groups that do not start at whole bytes are one group, whose other weights are zero points.
// KEPT: tilefold.semantics
// CHECK-LABEL: schedule.program
// CHECK-NOT: schedule.lut
// CHECK: schedule.conv "conv.0" {{.*}} : !schedule.buffer<{{[0-9]+}}x2x4xu2> = !schedule.buffer<{{[0-9]+}}x2x4xu8>
// CHECK-NOT: schedule.lut
func.func @main(%x: !x) -> !y {
  %w = nn.constant dense<1> : tensor<4x2x1x1xi8> -> !w
  %y = nn.conv %x, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 2} : (!x, !w) -> !y loc("groups")
  func.return %y : !y
}
