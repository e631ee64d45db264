// RUN: tilefold-opt %s --verify-diagnostics --split-input-file | filecheck %s

// Where tiles lie.

// CHECK: the origin takes 1 counters, 0 are given
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<4x4xu8>
  %t = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4xu8>
  schedule.load "load" %x to %t[] {origin = affine_map<(d0) -> (d0, 0)>, extents = array<i64: 4, 4>, strides = array<i64: 4, 1>, pad = 0} : !schedule.tensor<4x4xu8> to !schedule.buffer<4x4xu8>
}

// -----

// CHECK: origin and extents of rank 1 and 2 do not fit a tile of rank 2
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<4x4xu8>
  %t = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4xu8>
  schedule.load "load" %x to %t[] {origin = affine_map<() -> (0)>, extents = array<i64: 4, 4>, strides = array<i64: 4, 1>, pad = 0} : !schedule.tensor<4x4xu8> to !schedule.buffer<4x4xu8>
}

// -----

// CHECK: the origin must be a sum of constant multiples of counters
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<4x4xu8>
  %t = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4xu8>
  schedule.for %i = 2 {
    schedule.load "load" %x to %t[%i] {origin = affine_map<(d0) -> (d0 floordiv 2, 0)>, extents = array<i64: 4, 4>, strides = array<i64: 4, 1>, pad = 0} : !schedule.tensor<4x4xu8> to !schedule.buffer<4x4xu8>
  }
}

// -----

// CHECK: extents [4, 0] must be positive
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<4x4xu8>
  %t = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4xu8>
  schedule.load "load" %x to %t[] {origin = affine_map<() -> (0, 0)>, extents = array<i64: 4, 0>, strides = array<i64: 4, 1>, pad = 0} : !schedule.tensor<4x4xu8> to !schedule.buffer<4x4xu8>
}

// -----

// Loads and stores.

// CHECK: extents and strides differ in rank
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<4x4xu8>
  %t = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4xu8>
  schedule.load "load" %x to %t[] {origin = affine_map<() -> (0, 0)>, extents = array<i64: 4, 4>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<4x4xu8> to !schedule.buffer<4x4xu8>
}

// -----

// CHECK: cannot move u8 to u4
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<4x4xu8>
  %t = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4xu4>
  schedule.load "load" %x to %t[] {origin = affine_map<() -> (0, 0)>, extents = array<i64: 4, 4>, strides = array<i64: 4, 1>, pad = 0} : !schedule.tensor<4x4xu8> to !schedule.buffer<4x4xu4>
}

// -----

// CHECK: the view reaches beyond the tensor
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<4x4xu8>
  %t = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4xu8>
  schedule.load "load" %x to %t[] {origin = affine_map<() -> (0, 0)>, extents = array<i64: 4, 4>, strides = array<i64: 5, 1>, pad = 0} : !schedule.tensor<4x4xu8> to !schedule.buffer<4x4xu8>
}

// -----

// CHECK: the view reaches beyond the tensor
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<4x4xu8>
  %t = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4xu8>
  schedule.load "load" %x to %t[] {origin = affine_map<() -> (0, 0)>, extents = array<i64: 4, 4>, strides = array<i64: 4, 1>, pad = 0} : !schedule.tensor<4x4xu8> to !schedule.buffer<4x4xu8>
  schedule.store "store" %t to %x[] {origin = affine_map<() -> (0, 0)>, extents = array<i64: 4, 4>, strides = array<i64: 4, -1>} : !schedule.buffer<4x4xu8> to !schedule.tensor<4x4xu8>
}

// -----

// Convolutions.

// CHECK: kernel, strides and dilations are two positive numbers each
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4x2xu8>
  %w = schedule.buffer "weights" {depth = 1} : !schedule.buffer<14xu8>
  %y = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4x1xu8>
  schedule.conv "conv.0" %y = %x, %w[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 4, 4, 1>, kernel = array<i64: 1, 1>, strides = array<i64: 1, 0>, dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 0, dst_zero = 0, lo = 0, hi = 9, reduction = 0} : !schedule.buffer<4x4x1xu8> = !schedule.buffer<4x4x2xu8>, !schedule.buffer<14xu8>
}

// -----

// CHECK: !schedule.buffer<4x8xu8> and !schedule.buffer<4x4x1xu8> differ in rank
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x8xu8>
  %w = schedule.buffer "weights" {depth = 1} : !schedule.buffer<14xu8>
  %y = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4x1xu8>
  schedule.conv "conv.0" %y = %x, %w[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 4, 4, 1>, kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 0, dst_zero = 0, lo = 0, hi = 9, reduction = 0} : !schedule.buffer<4x4x1xu8> = !schedule.buffer<4x8xu8>, !schedule.buffer<14xu8>
}

// -----

// CHECK: the windows reach over 5 columns, the source has 4
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4x2xu8>
  %w = schedule.buffer "weights" {depth = 1} : !schedule.buffer<16xu8>
  %y = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x3x1xu8>
  schedule.conv "conv.0" %y = %x, %w[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 4, 3, 1>, kernel = array<i64: 1, 2>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 2>, weight_type = "i8", src_zero = 0, dst_zero = 0, lo = 0, hi = 9, reduction = 0} : !schedule.buffer<4x3x1xu8> = !schedule.buffer<4x4x2xu8>, !schedule.buffer<16xu8>
}

// -----

// CHECK: !schedule.buffer<4x4x2x1xu8> is not rows, columns, [one group,] channels
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4x1x2xu8>
  %w = schedule.buffer "weights" {depth = 1} : !schedule.buffer<14xu8>
  %y = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4x2x1xu8>
  schedule.conv "conv.0" %y = %x, %w[] {origin = affine_map<() -> (0, 0, 0, 0)>, extents = array<i64: 4, 4, 2, 1>, kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 0, dst_zero = 0, lo = 0, hi = 9, reduction = 0} : !schedule.buffer<4x4x2x1xu8> = !schedule.buffer<4x4x1x2xu8>, !schedule.buffer<14xu8>
}

// -----

// CHECK: the block of 1 output channels takes 14 bytes, !schedule.buffer<12xu8> has 12
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4x2xu8>
  %w = schedule.buffer "weights" {depth = 1} : !schedule.buffer<12xu8>
  %y = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4x1xu8>
  schedule.conv "conv.0" %y = %x, %w[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 4, 4, 1>, kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 0, dst_zero = 0, lo = 0, hi = 9, reduction = 0} : !schedule.buffer<4x4x1xu8> = !schedule.buffer<4x4x2xu8>, !schedule.buffer<12xu8>
}

// -----

// CHECK: weight type i32 is none of u2, i2, u4, i4, u8, i8
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4x2xu8>
  %w = schedule.buffer "weights" {depth = 1} : !schedule.buffer<20xu8>
  %y = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4x1xu8>
  schedule.conv "conv.0" %y = %x, %w[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 4, 4, 1>, kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i32", src_zero = 0, dst_zero = 0, lo = 0, hi = 9, reduction = 0} : !schedule.buffer<4x4x1xu8> = !schedule.buffer<4x4x2xu8>, !schedule.buffer<20xu8>
}

// -----

// CHECK: the clamp's lower bound is above its upper bound
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4x2xu8>
  %w = schedule.buffer "weights" {depth = 1} : !schedule.buffer<14xu8>
  %y = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4x1xu8>
  schedule.conv "conv.0" %y = %x, %w[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 4, 4, 1>, kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 0, dst_zero = 0, lo = 10, hi = 9, reduction = 0} : !schedule.buffer<4x4x1xu8> = !schedule.buffer<4x4x2xu8>, !schedule.buffer<14xu8>
}

// -----

// CHECK: the clamp [-1, 9] does not fit u8
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4x2xu8>
  %w = schedule.buffer "weights" {depth = 1} : !schedule.buffer<14xu8>
  %y = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4x1xu8>
  schedule.conv "conv.0" %y = %x, %w[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 4, 4, 1>, kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 0, dst_zero = 0, lo = -1, hi = 9, reduction = 0} : !schedule.buffer<4x4x1xu8> = !schedule.buffer<4x4x2xu8>, !schedule.buffer<14xu8>
}

// -----

// CHECK: 2 input channels times 3 are not 4 output channels
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4x2xu8>
  %w = schedule.buffer "weights" {depth = 1} : !schedule.buffer<52xu8>
  %y = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4x4xu8>
  schedule.depthwise "conv.0" %y = %x, %w[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 4, 4, 4>, kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 0, dst_zero = 0, lo = 0, hi = 9, multiplier = 3} : !schedule.buffer<4x4x4xu8> = !schedule.buffer<4x4x2xu8>, !schedule.buffer<52xu8>
}

// -----

// Vector steps.

// CHECK: !schedule.buffer<4x2xu8> and !schedule.buffer<4x4xu8> differ in size
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x2xu8>
  %y = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4xu8>
  schedule.add "act" %y = %x, %x[] {origin = affine_map<() -> (0, 0)>, extents = array<i64: 4, 4>, ra = 0.5 : f32, rb = 0.25 : f32, fix = 0.0 : f32, lo = 0, hi = 9} : !schedule.buffer<4x4xu8> = !schedule.buffer<4x2xu8>, !schedule.buffer<4x2xu8>
}

// -----

// CHECK: !schedule.buffer<4x4xu8> and !schedule.buffer<4x2xu8> differ in size
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x2xu8>
  %z = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4xu8>
  %y = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4xu8>
  schedule.add "act" %y = %z, %x[] {origin = affine_map<() -> (0, 0)>, extents = array<i64: 4, 4>, ra = 0.5 : f32, rb = 0.25 : f32, fix = 0.0 : f32, lo = 0, hi = 9} : !schedule.buffer<4x4xu8> = !schedule.buffer<4x4xu8>, !schedule.buffer<4x2xu8>
}

// -----

// CHECK: a table has 256 entries of u8, not !schedule.buffer<16xu8>
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4xu4>
  %t = schedule.buffer "weights" {depth = 1} : !schedule.buffer<16xu8>
  %y = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4xu8>
  schedule.lut "act" %y = %x, %t[] {origin = affine_map<() -> (0, 0)>, extents = array<i64: 4, 4>} : !schedule.buffer<4x4xu8> = !schedule.buffer<4x4xu4>, !schedule.buffer<16xu8>
}

// -----

// CHECK: a table is for elements of at most 8 bits
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4xi32>
  %t = schedule.buffer "weights" {depth = 1} : !schedule.buffer<256xu8>
  %y = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4xu8>
  schedule.lut "act" %y = %x, %t[] {origin = affine_map<() -> (0, 0)>, extents = array<i64: 4, 4>} : !schedule.buffer<4x4xu8> = !schedule.buffer<4x4xi32>, !schedule.buffer<256xu8>
}

// -----

// CHECK: the parameters of !schedule.buffer<4x4xu8> are !schedule.buffer<4x3xi32>, not !schedule.buffer<3x4xi32>
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4xi32>
  %t = schedule.buffer "weights" {depth = 1} : !schedule.buffer<3x4xi32>
  %y = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4xu8>
  schedule.requantize "act" %y = %x, %t[] {origin = affine_map<() -> (0, 0)>, extents = array<i64: 4, 4>, src_zero = 0, dst_zero = 0, lo = 0, hi = 9} : !schedule.buffer<4x4xu8> = !schedule.buffer<4x4xi32>, !schedule.buffer<3x4xi32>
}

// -----

// CHECK: pool kind 'least' is none of max, average, global_average
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4x2xu8>
  %y = schedule.buffer "data" {depth = 1} : !schedule.buffer<2x2x2xu8>
  schedule.pool "act" %y = %x[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 2, 2, 2>, dst_zero = 0, lo = 0, hi = 9, kind = "least", kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, src_zero = 0, src_scale = 0.5 : f32, dst_scale = 0.5 : f32, include_pad = false} : !schedule.buffer<2x2x2xu8> = !schedule.buffer<4x4x2xu8>
}

// -----

// CHECK: !schedule.buffer<4x4x4xu8> and !schedule.buffer<2x2x2xu8> are not rows, columns and equal channels
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4x4xu8>
  %y = schedule.buffer "data" {depth = 1} : !schedule.buffer<2x2x2xu8>
  schedule.pool "act" %y = %x[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 2, 2, 2>, dst_zero = 0, lo = 0, hi = 9, kind = "max", kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, src_zero = 0, src_scale = 0.5 : f32, dst_scale = 0.5 : f32, include_pad = false} : !schedule.buffer<2x2x2xu8> = !schedule.buffer<4x4x4xu8>
}
