// RUN: tilefold-opt %s -p 'schedule-insert-tokens' --split-input-file --verify-diagnostics | filecheck %s

// A ring of two slots inside a loop: the reader waits until the slot is full, the writer until it
// is free. Two slots are free at the start; the oldest free token is the next one's.
// CHECK-LABEL: schedule.program
// CHECK: %[[ONE:[0-9]+]] = schedule.ready
// CHECK-NEXT: %[[TWO:[0-9]+]] = schedule.ready
// CHECK-NEXT: schedule.for %i = 4 iter(%[[OLD:[0-9]+]] = %[[ONE]], %[[NEW:[0-9]+]] = %[[TWO]]) {
// CHECK-NEXT: schedule.wait "load", %[[OLD]]
// CHECK-NEXT: schedule.load "load"
// CHECK-NEXT: %[[FULL:[0-9]+]] = schedule.signal "load"
// CHECK-NEXT: schedule.wait "store", %[[FULL]]
// CHECK-NEXT: schedule.store "store"
// CHECK-NEXT: %[[FREE:[0-9]+]] = schedule.signal "store"
// CHECK-NEXT: schedule.yield %[[NEW]], %[[FREE]] :
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %x = schedule.tensor {kind = "temporary", label = "x", address = 0} : !schedule.tensor<64xu8>
  %y = schedule.tensor {kind = "temporary", label = "y", address = 64} : !schedule.tensor<64xu8>
  %t = schedule.buffer "data" {depth = 2, address = 0} : !schedule.buffer<16xu8>
  schedule.for %i = 4 {
    schedule.load "load" %x to %t[%i] {origin = affine_map<(d0) -> (d0 * 16)>, extents = array<i64: 64>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<64xu8> to !schedule.buffer<16xu8>
    schedule.store "store" %t to %y[%i] {origin = affine_map<(d0) -> (d0 * 16)>, extents = array<i64: 64>, strides = array<i64: 1>} : !schedule.buffer<16xu8> to !schedule.tensor<64xu8>
  }
}

// -----

// A ring filled in an inner loop: its free token travels through both loops.
// CHECK-LABEL: schedule.program
// CHECK: %[[START:[0-9]+]] = schedule.ready
// CHECK-NEXT: %{{[0-9]+}} = schedule.for %i = 2 iter(%[[OUTER:[0-9]+]] = %[[START]]) {
// CHECK-NEXT: %[[LAST:[0-9]+]] = schedule.for %j = 2 iter(%[[INNER:[0-9]+]] = %[[OUTER]]) {
// CHECK-NEXT: schedule.wait "load", %[[INNER]]
// CHECK: %[[FREE:[0-9]+]] = schedule.signal "store"
// CHECK-NEXT: schedule.yield %[[FREE]] :
// CHECK-NEXT: }
// CHECK-NEXT: schedule.yield %[[LAST]] :
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %x = schedule.tensor {kind = "temporary", label = "x", address = 0} : !schedule.tensor<64xu8>
  %y = schedule.tensor {kind = "temporary", label = "y", address = 64} : !schedule.tensor<64xu8>
  %t = schedule.buffer "data" {depth = 1, address = 0} : !schedule.buffer<16xu8>
  schedule.for %i = 2 {
    schedule.for %j = 2 {
      schedule.load "load" %x to %t[%i, %j] {origin = affine_map<(d0, d1) -> (d0 * 32 + d1 * 16)>, extents = array<i64: 64>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<64xu8> to !schedule.buffer<16xu8>
      schedule.store "store" %t to %y[%i, %j] {origin = affine_map<(d0, d1) -> (d0 * 32 + d1 * 16)>, extents = array<i64: 64>, strides = array<i64: 1>} : !schedule.buffer<16xu8> to !schedule.tensor<64xu8>
    }
  }
}

// -----

// At the top level a token orders two steps that touch the same bytes, unless another implies it:
// the one after the second load says that the first is done, too, and the last store comes after
// the one before in its own queue.
// CHECK-LABEL: schedule.program
// CHECK: schedule.load "load" %x to %t
// CHECK-NEXT: schedule.load "load" %x to %u
// CHECK-NEXT: %[[U:[0-9]+]] = schedule.signal "load"
// CHECK-NEXT: schedule.wait "store", %[[U]]
// CHECK-NEXT: schedule.store "store" %u to %x
// CHECK-NEXT: schedule.store "store" %t to %x
// CHECK-NEXT: }
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %x = schedule.tensor {kind = "temporary", label = "x", address = 0} : !schedule.tensor<16xu8>
  %t = schedule.buffer "data" {depth = 1, address = 0} : !schedule.buffer<16xu8>
  %u = schedule.buffer "data" {depth = 1, address = 16} : !schedule.buffer<16xu8>
  schedule.load "load" %x to %t[] {origin = affine_map<() -> (0)>, extents = array<i64: 16>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<16xu8> to !schedule.buffer<16xu8>
  schedule.load "load" %x to %u[] {origin = affine_map<() -> (0)>, extents = array<i64: 16>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<16xu8> to !schedule.buffer<16xu8>
  schedule.store "store" %u to %x[] {origin = affine_map<() -> (0)>, extents = array<i64: 16>, strides = array<i64: 1>} : !schedule.buffer<16xu8> to !schedule.tensor<16xu8>
  schedule.store "store" %t to %x[] {origin = affine_map<() -> (0)>, extents = array<i64: 16>, strides = array<i64: 1>} : !schedule.buffer<16xu8> to !schedule.tensor<16xu8>
}

// -----

// Two buffers at one address: what the second load overwrites must have been stored.
// CHECK-LABEL: schedule.program
// CHECK: schedule.load "load" %x to %t
// CHECK-NEXT: %[[FULL:[0-9]+]] = schedule.signal "load"
// CHECK-NEXT: schedule.wait "store", %[[FULL]]
// CHECK-NEXT: schedule.store "store" %t to %y
// CHECK-NEXT: %[[FREE:[0-9]+]] = schedule.signal "store"
// CHECK-NEXT: schedule.wait "load", %[[FREE]]
// CHECK-NEXT: schedule.load "load" %x to %u
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %x = schedule.tensor {kind = "temporary", label = "x", address = 0} : !schedule.tensor<16xu8>
  %y = schedule.tensor {kind = "temporary", label = "y", address = 64} : !schedule.tensor<16xu8>
  %t = schedule.buffer "data" {depth = 1, address = 8} : !schedule.buffer<16xu8>
  %u = schedule.buffer "data" {depth = 1, address = 20} : !schedule.buffer<16xu8>
  schedule.load "load" %x to %t[] {origin = affine_map<() -> (0)>, extents = array<i64: 16>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<16xu8> to !schedule.buffer<16xu8>
  schedule.store "store" %t to %y[] {origin = affine_map<() -> (0)>, extents = array<i64: 16>, strides = array<i64: 1>} : !schedule.buffer<16xu8> to !schedule.tensor<16xu8>
  schedule.load "load" %x to %u[] {origin = affine_map<() -> (0)>, extents = array<i64: 16>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<16xu8> to !schedule.buffer<16xu8>
}

// -----

// An array that reads what it wrote waits for its own token. Nothing else that it does in its own
// queue needs one: %c is written over %a, which has been read; reading %c says that %b is complete.
// CHECK-LABEL: schedule.program
// CHECK: schedule.conv "conv.0" %{{a.*}} = %in
// CHECK-NEXT: %[[A:[0-9]+]] = schedule.signal "conv.0"
// CHECK-NEXT: schedule.wait "conv.0", %[[A]]
// CHECK-NEXT: schedule.conv "conv.0" %{{b.*}} = %{{a.*}}, %w
// CHECK-NEXT: schedule.conv "conv.0" %{{c.*}} = %in, %w
// CHECK-NEXT: %[[C:[0-9]+]] = schedule.signal "conv.0"
// CHECK-NEXT: schedule.wait "conv.0", %[[C]]
// CHECK-NEXT: schedule.conv "conv.0" %{{d.*}} = %{{c.*}}, %w
// CHECK-NEXT: schedule.conv "conv.0" %{{e.*}} = %{{b.*}}, %w
// CHECK-NEXT: }
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %x = schedule.tensor {kind = "temporary", label = "x", address = 0} : !schedule.tensor<28xu8>
  %in = schedule.buffer "data" {depth = 1, address = 0} : !schedule.buffer<2x2x2xu8>
  %w = schedule.buffer "weights" {depth = 1, address = 0} : !schedule.buffer<28xu8>
  %a = schedule.tensor {kind = "temporary", label = "a", memory = "data", address = 8} : !schedule.tensor<2x2x2xu8>
  %b = schedule.tensor {kind = "temporary", label = "b", memory = "data", address = 16} : !schedule.tensor<2x2x2xu8>
  %c = schedule.tensor {kind = "temporary", label = "c", memory = "data", address = 8} : !schedule.tensor<2x2x2xu8>
  %d = schedule.tensor {kind = "temporary", label = "d", memory = "data", address = 24} : !schedule.tensor<2x2x2xu8>
  %e = schedule.tensor {kind = "temporary", label = "e", memory = "data", address = 32} : !schedule.tensor<2x2x2xu8>
  schedule.load "load" %x to %in[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 2, 2, 2>, strides = array<i64: 4, 2, 1>, pad = 0} : !schedule.tensor<28xu8> to !schedule.buffer<2x2x2xu8>
  schedule.load "wload" %x to %w[] {origin = affine_map<() -> (0)>, extents = array<i64: 28>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<28xu8> to !schedule.buffer<28xu8>
  %aw = schedule.window %a[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 2, 2, 2>, strides = array<i64: 4, 2, 1>, pad = 0} : !schedule.tensor<2x2x2xu8> to !schedule.buffer<2x2x2xu8>
  %bw = schedule.window %b[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 2, 2, 2>, strides = array<i64: 4, 2, 1>, pad = 0} : !schedule.tensor<2x2x2xu8> to !schedule.buffer<2x2x2xu8>
  %cw = schedule.window %c[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 2, 2, 2>, strides = array<i64: 4, 2, 1>, pad = 0} : !schedule.tensor<2x2x2xu8> to !schedule.buffer<2x2x2xu8>
  %dw = schedule.window %d[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 2, 2, 2>, strides = array<i64: 4, 2, 1>, pad = 0} : !schedule.tensor<2x2x2xu8> to !schedule.buffer<2x2x2xu8>
  %ew = schedule.window %e[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 2, 2, 2>, strides = array<i64: 4, 2, 1>, pad = 0} : !schedule.tensor<2x2x2xu8> to !schedule.buffer<2x2x2xu8>
  schedule.conv "conv.0" %aw = %in, %w[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 2, 2, 2>, kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 0, dst_zero = 0, lo = 0, hi = 9, reduction = 0} : !schedule.buffer<2x2x2xu8> = !schedule.buffer<2x2x2xu8>, !schedule.buffer<28xu8>
  schedule.conv "conv.0" %bw = %aw, %w[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 2, 2, 2>, kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 0, dst_zero = 0, lo = 0, hi = 9, reduction = 0} : !schedule.buffer<2x2x2xu8> = !schedule.buffer<2x2x2xu8>, !schedule.buffer<28xu8>
  schedule.conv "conv.0" %cw = %in, %w[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 2, 2, 2>, kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 0, dst_zero = 0, lo = 0, hi = 9, reduction = 0} : !schedule.buffer<2x2x2xu8> = !schedule.buffer<2x2x2xu8>, !schedule.buffer<28xu8>
  schedule.conv "conv.0" %dw = %cw, %w[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 2, 2, 2>, kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 0, dst_zero = 0, lo = 0, hi = 9, reduction = 0} : !schedule.buffer<2x2x2xu8> = !schedule.buffer<2x2x2xu8>, !schedule.buffer<28xu8>
  schedule.conv "conv.0" %ew = %bw, %w[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 2, 2, 2>, kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 0, dst_zero = 0, lo = 0, hi = 9, reduction = 0} : !schedule.buffer<2x2x2xu8> = !schedule.buffer<2x2x2xu8>, !schedule.buffer<28xu8>
}

// -----

// Vector instructions are complete in order. Between units a tensor on chip is like any other place.
// CHECK-LABEL: schedule.program
// CHECK: schedule.add "act" %{{a.*}} = %in
// CHECK-NEXT: schedule.add "act" %{{b.*}} = %{{a.*}}
// CHECK-NEXT: %[[B:[0-9]+]] = schedule.signal "act"
// CHECK-NEXT: schedule.wait "conv.0", %[[B]]
// CHECK: schedule.conv "conv.0" %{{c.*}} = %{{b.*}}, %w
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %x = schedule.tensor {kind = "temporary", label = "x", address = 0} : !schedule.tensor<28xu8>
  %in = schedule.buffer "data" {depth = 1, address = 0} : !schedule.buffer<2x2x2xu8>
  %w = schedule.buffer "weights" {depth = 1, address = 0} : !schedule.buffer<28xu8>
  %a = schedule.tensor {kind = "temporary", label = "a", memory = "data", address = 8} : !schedule.tensor<2x2x2xu8>
  %b = schedule.tensor {kind = "temporary", label = "b", memory = "data", address = 16} : !schedule.tensor<2x2x2xu8>
  %c = schedule.tensor {kind = "temporary", label = "c", memory = "data", address = 24} : !schedule.tensor<2x2x2xu8>
  schedule.load "wload" %x to %w[] {origin = affine_map<() -> (0)>, extents = array<i64: 28>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<28xu8> to !schedule.buffer<28xu8>
  schedule.load "load" %x to %in[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 2, 2, 2>, strides = array<i64: 4, 2, 1>, pad = 0} : !schedule.tensor<28xu8> to !schedule.buffer<2x2x2xu8>
  %aw = schedule.window %a[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 2, 2, 2>, strides = array<i64: 4, 2, 1>, pad = 0} : !schedule.tensor<2x2x2xu8> to !schedule.buffer<2x2x2xu8>
  %bw = schedule.window %b[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 2, 2, 2>, strides = array<i64: 4, 2, 1>, pad = 0} : !schedule.tensor<2x2x2xu8> to !schedule.buffer<2x2x2xu8>
  %cw = schedule.window %c[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 2, 2, 2>, strides = array<i64: 4, 2, 1>, pad = 0} : !schedule.tensor<2x2x2xu8> to !schedule.buffer<2x2x2xu8>
  schedule.add "act" %aw = %in, %in[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 2, 2, 2>, ra = 0.5 : f32, rb = 0.25 : f32, fix = 0.0 : f32, lo = 0, hi = 9} : !schedule.buffer<2x2x2xu8> = !schedule.buffer<2x2x2xu8>, !schedule.buffer<2x2x2xu8>
  schedule.add "act" %bw = %aw, %aw[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 2, 2, 2>, ra = 0.5 : f32, rb = 0.25 : f32, fix = 0.0 : f32, lo = 0, hi = 9} : !schedule.buffer<2x2x2xu8> = !schedule.buffer<2x2x2xu8>, !schedule.buffer<2x2x2xu8>
  schedule.conv "conv.0" %cw = %bw, %w[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 2, 2, 2>, kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 0, dst_zero = 0, lo = 0, hi = 9, reduction = 0} : !schedule.buffer<2x2x2xu8> = !schedule.buffer<2x2x2xu8>, !schedule.buffer<28xu8>
}

// -----

// What touches two parts of a tensor that do not overlap needs no order: the third step waits for the
// first one, not for the second.
// CHECK-LABEL: schedule.program
// CHECK: schedule.store "store" %{{.*}} to %a
// CHECK-NEXT: %[[A:[0-9]+]] = schedule.signal "store"
// CHECK-NEXT: schedule.store "store" %{{.*}} to %b
// CHECK-NEXT: schedule.wait "load", %[[A]]
// CHECK-NEXT: schedule.load "load" %a
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %x = schedule.tensor {kind = "temporary", label = "x", address = 0} : !schedule.tensor<32xu8>
  %a = schedule.part %x {offset = 0} : !schedule.tensor<32xu8> -> !schedule.tensor<16xu8>
  %b = schedule.part %x {offset = 16} : !schedule.tensor<32xu8> -> !schedule.tensor<16xu8>
  %y = schedule.tensor {kind = "temporary", label = "y", address = 64} : !schedule.tensor<16xu8>
  %s = schedule.buffer "data" {depth = 1, address = 0} : !schedule.buffer<16xu8>
  %t = schedule.buffer "data" {depth = 1, address = 16} : !schedule.buffer<16xu8>
  schedule.load "load" %y to %s[] {origin = affine_map<() -> (0)>, extents = array<i64: 16>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<16xu8> to !schedule.buffer<16xu8>
  schedule.store "store" %s to %a[] {origin = affine_map<() -> (0)>, extents = array<i64: 16>, strides = array<i64: 1>} : !schedule.buffer<16xu8> to !schedule.tensor<16xu8>
  schedule.store "store" %s to %b[] {origin = affine_map<() -> (0)>, extents = array<i64: 16>, strides = array<i64: 1>} : !schedule.buffer<16xu8> to !schedule.tensor<16xu8>
  schedule.load "load" %a to %t[] {origin = affine_map<() -> (0)>, extents = array<i64: 16>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<16xu8> to !schedule.buffer<16xu8>
}

// -----

// CHECK: schedule-insert-tokens: the program already has tokens
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %a = schedule.signal "load"
  schedule.wait "store", %a
}

// -----

// CHECK: schedule-insert-tokens: run schedule-allocate first
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<16xu8>
  %t = schedule.buffer "data" {depth = 1, address = 0} : !schedule.buffer<16xu8>
  schedule.load "load" %x to %t[] {origin = affine_map<() -> (0)>, extents = array<i64: 16>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<16xu8> to !schedule.buffer<16xu8>
}
