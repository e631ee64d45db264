// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"}' --verify-diagnostics --split-input-file | filecheck %s

// CHECK: the program is for machine m, not tiny
schedule.program attributes {sym_name = "main", machine = "m"} {
  %a = schedule.ready
}

// -----

// CHECK: machine tiny has no memory @sram on chip
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<4xu8>
  %t = schedule.buffer "sram" {depth = 1} : !schedule.buffer<4xu8>
  schedule.load "load" %x to %t[] {origin = affine_map<() -> (0)>, extents = array<i64: 4>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<4xu8> to !schedule.buffer<4xu8>
}

// -----

// CHECK: machine tiny has no memory @dram on chip
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<4xu8>
  %t = schedule.buffer "dram" {depth = 1} : !schedule.buffer<4xu8>
  schedule.load "load" %x to %t[] {origin = affine_map<() -> (0)>, extents = array<i64: 4>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<4xu8> to !schedule.buffer<4xu8>
}

// -----

// CHECK: a buffer ends at byte 5000 of memory @data, which has 4096
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<2000xu8>
  %t = schedule.buffer "data" {depth = 2, address = 1000} : !schedule.buffer<2000xu8>
  schedule.load "load" %x to %t[] {origin = affine_map<() -> (0)>, extents = array<i64: 4>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<2000xu8> to !schedule.buffer<2000xu8>
}

// -----

// CHECK: machine tiny has no memory @sram on chip
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %x = schedule.tensor {kind = "temporary", label = "x", memory = "sram"} : !schedule.tensor<4xu8>
}

// -----

// CHECK: machine tiny has no memory @dram on chip
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %x = schedule.tensor {kind = "temporary", label = "x", memory = "dram"} : !schedule.tensor<4xu8>
}

// -----

// CHECK: a tensor ends at byte 4100 of memory @data, which has 4096
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %x = schedule.tensor {kind = "temporary", label = "x", memory = "data", address = 100} : !schedule.tensor<4000xu8>
}

// -----

// CHECK: machine tiny has no array @gemm
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  schedule.configure <@gemm, first = 0, units = 1, chain = 1, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
}

// -----

// CHECK: a fold ends at unit 3 of @conv, which has 2
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  schedule.configure <@conv, first = 1, units = 2, chain = 2, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
}

// -----

// CHECK: @conv has no mode 2
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  schedule.configure <@conv, first = 0, units = 1, chain = 1, cols = 1, pixels = 1, groups = 1, mode = 2, act_bits = 8, wgt_bits = 8>
}

// -----

// CHECK: machine tiny has no unit conv.2
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %t = schedule.signal "conv.2"
}

// -----

// CHECK: unit wload of machine tiny cannot do schedule.load
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<4xu8>
  %t = schedule.buffer "data" {depth = 1} : !schedule.buffer<4xu8>
  schedule.load "wload" %x to %t[] {origin = affine_map<() -> (0)>, extents = array<i64: 4>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<4xu8> to !schedule.buffer<4xu8>
}

// -----

// CHECK: unit load of machine tiny cannot do schedule.store
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<4xu8>
  %t = schedule.buffer "data" {depth = 1} : !schedule.buffer<4xu8>
  schedule.load "load" %x to %t[] {origin = affine_map<() -> (0)>, extents = array<i64: 4>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<4xu8> to !schedule.buffer<4xu8>
  schedule.store "load" %t to %x[] {origin = affine_map<() -> (0)>, extents = array<i64: 4>, strides = array<i64: 1>} : !schedule.buffer<4xu8> to !schedule.tensor<4xu8>
}

// -----

// CHECK: unit act of machine tiny cannot do schedule.conv
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %t = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<4xu8>
  %x = schedule.buffer "data" {depth = 1} : !schedule.buffer<1x1x2xu8>
  %w = schedule.buffer "weights" {depth = 1} : !schedule.buffer<14xu8>
  %y = schedule.buffer "data" {depth = 1} : !schedule.buffer<1x1x1xu8>
  schedule.load "load" %t to %x[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 1, 1, 1>, strides = array<i64: 1, 1, 1>, pad = 0} : !schedule.tensor<4xu8> to !schedule.buffer<1x1x2xu8>
  schedule.load "wload" %t to %w[] {origin = affine_map<() -> (0)>, extents = array<i64: 1>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<4xu8> to !schedule.buffer<14xu8>
  schedule.conv "act" %y = %x, %w[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 1, 1, 1>, kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 0, dst_zero = 0, lo = 0, hi = 9, reduction = 0} : !schedule.buffer<1x1x1xu8> = !schedule.buffer<1x1x2xu8>, !schedule.buffer<14xu8>
}

// -----

// CHECK: unit conv.0 of machine tiny cannot do schedule.add
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %t = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<4xu8>
  %x = schedule.buffer "data" {depth = 1} : !schedule.buffer<4xu8>
  %y = schedule.buffer "data" {depth = 1} : !schedule.buffer<4xu8>
  schedule.load "load" %t to %x[] {origin = affine_map<() -> (0)>, extents = array<i64: 4>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<4xu8> to !schedule.buffer<4xu8>
  schedule.add "conv.0" %y = %x, %x[] {origin = affine_map<() -> (0)>, extents = array<i64: 4>, ra = 0.5 : f32, rb = 0.25 : f32, fix = 0.0 : f32, lo = 0, hi = 9} : !schedule.buffer<4xu8> = !schedule.buffer<4xu8>, !schedule.buffer<4xu8>
}
