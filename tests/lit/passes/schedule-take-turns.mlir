// RUN: tilefold-opt %s -p 'schedule-take-turns' --split-input-file | filecheck %s

// A load waits for the store of the iteration before; a load of constants waits for nothing.
// CHECK-LABEL: schedule.program
// CHECK: %[[READY:[0-9]+]] = schedule.ready
// CHECK-NEXT: %{{[0-9]+}} = schedule.for %i = 4 iter(%[[TURN:[0-9]+]] = %[[READY]]) {
// CHECK-NEXT: schedule.load "wload"
// CHECK-NEXT: schedule.wait "load", %[[TURN]]
// CHECK-NEXT: schedule.load "load"
// CHECK-NEXT: schedule.store "store"
// CHECK-NEXT: %[[DONE:[0-9]+]] = schedule.signal "store"
// CHECK-NEXT: schedule.yield %[[DONE]] :
// CHECK-NEXT: }
// CHECK-NEXT: }
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<64xu8>
  %y = schedule.tensor {kind = "temporary", label = "y"} : !schedule.tensor<64xu8>
  %w = schedule.tensor {kind = "constant", label = "w", data = "00000000000000000000000000000000"} : !schedule.tensor<64xu8>
  %t = schedule.buffer "data" {depth = 1} : !schedule.buffer<16xu8>
  %f = schedule.buffer "weights" {depth = 2} : !schedule.buffer<16xu8>
  schedule.for %i = 4 {
    schedule.load "wload" %w to %f[%i] {origin = affine_map<(d0) -> (d0 * 16)>, extents = array<i64: 64>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<64xu8> to !schedule.buffer<16xu8>
    schedule.load "load" %x to %t[%i] {origin = affine_map<(d0) -> (d0 * 16)>, extents = array<i64: 64>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<64xu8> to !schedule.buffer<16xu8>
    schedule.store "store" %t to %y[%i] {origin = affine_map<(d0) -> (d0 * 16)>, extents = array<i64: 64>, strides = array<i64: 1>} : !schedule.buffer<16xu8> to !schedule.tensor<64xu8>
  }
}

// -----

// A layer waits for the last iteration of the one before, though they share no bytes.
// CHECK-LABEL: schedule.program
// CHECK: schedule.for %i = 2
// CHECK: schedule.store "store" %t to %y[%i]
// CHECK-NEXT: %[[DONE:[0-9]+]] = schedule.signal "store"
// CHECK-NEXT: schedule.yield %[[DONE]] :
// CHECK-NEXT: }
// CHECK-NEXT: %[[LAYER:[0-9]+]] = schedule.signal "store"
// CHECK-NEXT: schedule.wait "load", %[[LAYER]]
// CHECK-NEXT: schedule.load "load" %x to %u
// CHECK-NEXT: schedule.store "store" %u to %z
// CHECK-NEXT: }
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<16xu8>
  %y = schedule.tensor {kind = "temporary", label = "y"} : !schedule.tensor<16xu8>
  %z = schedule.tensor {kind = "temporary", label = "z"} : !schedule.tensor<16xu8>
  %t = schedule.buffer "data" {depth = 1} : !schedule.buffer<8xu8>
  %u = schedule.buffer "data" {depth = 1} : !schedule.buffer<16xu8>
  schedule.for %i = 2 {
    schedule.load "load" %x to %t[%i] {origin = affine_map<(d0) -> (d0 * 8)>, extents = array<i64: 16>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<16xu8> to !schedule.buffer<8xu8>
    schedule.store "store" %t to %y[%i] {origin = affine_map<(d0) -> (d0 * 8)>, extents = array<i64: 16>, strides = array<i64: 1>} : !schedule.buffer<8xu8> to !schedule.tensor<16xu8>
  }
  schedule.load "load" %x to %u[] {origin = affine_map<() -> (0)>, extents = array<i64: 16>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<16xu8> to !schedule.buffer<16xu8>
  schedule.store "store" %u to %z[] {origin = affine_map<() -> (0)>, extents = array<i64: 16>, strides = array<i64: 1>} : !schedule.buffer<16xu8> to !schedule.tensor<16xu8>
}

// -----

// An inner loop's turn travels through the outer one; the outer one has a turn of its own.
// CHECK-LABEL: schedule.program
// CHECK: schedule.for %i = 2 iter(%[[OUTER:[0-9]+]] = %{{[0-9]+}}, %[[THROUGH:[0-9]+]] = %{{[0-9]+}}) {
// CHECK-NEXT: schedule.wait "load", %[[OUTER]]
// CHECK-NEXT: %[[LAST:[0-9]+]] = schedule.for %j = 2 iter(%[[INNER:[0-9]+]] = %[[THROUGH]]) {
// CHECK-NEXT: schedule.wait "load", %[[INNER]]
// CHECK: schedule.yield %{{[0-9]+}} :
// CHECK-NEXT: }
// CHECK-NEXT: %[[DONE:[0-9]+]] = schedule.signal "store"
// CHECK-NEXT: schedule.yield %[[DONE]], %[[LAST]] :
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<64xu8>
  %y = schedule.tensor {kind = "temporary", label = "y"} : !schedule.tensor<64xu8>
  %t = schedule.buffer "data" {depth = 1} : !schedule.buffer<16xu8>
  schedule.for %i = 2 {
    schedule.for %j = 2 {
      schedule.load "load" %x to %t[%i, %j] {origin = affine_map<(d0, d1) -> (d0 * 32 + d1 * 16)>, extents = array<i64: 64>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<64xu8> to !schedule.buffer<16xu8>
      schedule.store "store" %t to %y[%i, %j] {origin = affine_map<(d0, d1) -> (d0 * 32 + d1 * 16)>, extents = array<i64: 64>, strides = array<i64: 1>} : !schedule.buffer<16xu8> to !schedule.tensor<64xu8>
    }
  }
}
