// RUN: tilefold-opt %s --allow-unregistered-dialect --verify-diagnostics --split-input-file | filecheck %s

// Tensors and buffers.

// CHECK: tensor kind 'weights' is none of input, output, constant, temporary
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.tensor {kind = "weights", label = "x"} : !schedule.tensor<4xu8>
}

// -----

// CHECK: exactly the constant tensors have data
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.tensor {kind = "constant", label = "x"} : !schedule.tensor<4xu8>
}

// -----

// CHECK: "0123" is no digest of 32 hex digits
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.tensor {kind = "constant", label = "x", data = "0123"} : !schedule.tensor<4xu8>
}

// -----

// CHECK: exactly the inputs and outputs have a logical type
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.tensor {kind = "input", label = "x"} : !schedule.tensor<4xu8>
}

// -----

// CHECK: the logical type tensor<1x4xf32> is not a quantised tensor
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.tensor {kind = "input", label = "x", logical = tensor<1x4xf32>} : !schedule.tensor<1x1x4xu8>
}

// -----

// CHECK: tensor<1x4x!quant.uniform<u4:f32, 0.5>> lies in memory as !schedule.tensor<1x1x4xu4>, not !schedule.tensor<1x1x4xu8>
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.tensor {kind = "input", label = "x", logical = tensor<1x4x!quant.uniform<u4:f32, 0.5>>} : !schedule.tensor<1x1x4xu8>
}

// -----

// CHECK: an address must not be negative
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.tensor {kind = "temporary", label = "x", address = -4} : !schedule.tensor<4xu8>
}

// -----

// CHECK: an address must not be negative
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.buffer "data" {depth = 1, address = -4} : !schedule.buffer<4xu8>
}

// -----

// CHECK: a buffer's depth must be at least 1
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.buffer "data" {depth = 0} : !schedule.buffer<4xu8>
}

// -----

// CHECK: a pitch of 7 is less than a row of 8, or no bytes
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.buffer "data" {depth = 1, pitch = 7} : !schedule.buffer<2x2x4xu8>
}

// -----

// CHECK: a pitch of 9 is less than a row of 8, or no bytes
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.buffer "data" {depth = 1, pitch = 9} : !schedule.buffer<2x2x4xu4>
}

// -----

// CHECK: a buffer has one writer, this one has 0
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.buffer "data" {depth = 1} : !schedule.buffer<4xu8>
}

// -----

// CHECK: a buffer has one writer, this one has 2
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<4xu8>
  %t = schedule.buffer "data" {depth = 1} : !schedule.buffer<4xu8>
  schedule.load "load" %x to %t[] {origin = affine_map<() -> (0)>, extents = array<i64: 4>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<4xu8> to !schedule.buffer<4xu8>
  schedule.load "load" %x to %t[] {origin = affine_map<() -> (0)>, extents = array<i64: 4>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<4xu8> to !schedule.buffer<4xu8>
}

// -----

// Read before it is written.
// CHECK: schedule.store reads a buffer that schedule.load has not written before in the same iteration
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<4xu8>
  %t = schedule.buffer "data" {depth = 1} : !schedule.buffer<4xu8>
  schedule.store "store" %t to %x[] {origin = affine_map<() -> (0)>, extents = array<i64: 4>, strides = array<i64: 1>} : !schedule.buffer<4xu8> to !schedule.tensor<4xu8>
  schedule.load "load" %x to %t[] {origin = affine_map<() -> (0)>, extents = array<i64: 4>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<4xu8> to !schedule.buffer<4xu8>
}

// -----

// Read after the loop that writes it.
// CHECK: schedule.store reads a buffer that schedule.load has not written before in the same iteration
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<4xu8>
  %t = schedule.buffer "data" {depth = 1} : !schedule.buffer<4xu8>
  schedule.for %i = 2 {
    schedule.load "load" %x to %t[] {origin = affine_map<() -> (0)>, extents = array<i64: 4>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<4xu8> to !schedule.buffer<4xu8>
  }
  schedule.store "store" %t to %x[] {origin = affine_map<() -> (0)>, extents = array<i64: 4>, strides = array<i64: 1>} : !schedule.buffer<4xu8> to !schedule.tensor<4xu8>
}

// -----

// Read while it is being summed up.
// CHECK: schedule.store reads a buffer that schedule.conv has not written before in the same iteration
schedule.program attributes {sym_name = "main", machine = "m"} {
  %t = schedule.tensor {kind = "temporary", label = "t"} : !schedule.tensor<4x4x1xu8>
  %x = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4x2xu8>
  %w = schedule.buffer "weights" {depth = 1} : !schedule.buffer<14xu8>
  %y = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4x1xu8>
  schedule.load "load" %t to %x[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 1, 1, 1>, strides = array<i64: 1, 1, 1>, pad = 0} : !schedule.tensor<4x4x1xu8> to !schedule.buffer<4x4x2xu8>
  schedule.load "wload" %t to %w[] {origin = affine_map<() -> (0)>, extents = array<i64: 1>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<4x4x1xu8> to !schedule.buffer<14xu8>
  schedule.for %i = 2 {
    schedule.conv "conv.0" %y = %x, %w[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 4, 4, 1>, kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 0, dst_zero = 0, lo = 0, hi = 9, reduction = 1} : !schedule.buffer<4x4x1xu8> = !schedule.buffer<4x4x2xu8>, !schedule.buffer<14xu8>
    schedule.store "store" %y to %t[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 4, 4, 1>, strides = array<i64: 4, 1, 1>} : !schedule.buffer<4x4x1xu8> to !schedule.tensor<4x4x1xu8>
  }
}

// -----

// CHECK: schedule.conv sums over 1 loops, 0 are around it
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4x2xu8>
  %w = schedule.buffer "weights" {depth = 1} : !schedule.buffer<14xu8>
  %y = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4x1xu8>
  schedule.conv "conv.0" %y = %x, %w[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 4, 4, 1>, kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 0, dst_zero = 0, lo = 0, hi = 9, reduction = 1} : !schedule.buffer<4x4x1xu8> = !schedule.buffer<4x4x2xu8>, !schedule.buffer<14xu8>
}

// -----

// CHECK: the tile of schedule.conv moves with a loop that it sums over
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4x2xu8>
  %w = schedule.buffer "weights" {depth = 1} : !schedule.buffer<14xu8>
  %y = schedule.buffer "data" {depth = 1} : !schedule.buffer<4x4x1xu8>
  schedule.for %i = 2 {
    schedule.conv "conv.0" %y = %x, %w[%i] {origin = affine_map<(d0) -> (d0, 0, 0)>, extents = array<i64: 4, 4, 1>, kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 0, dst_zero = 0, lo = 0, hi = 9, reduction = 1} : !schedule.buffer<4x4x1xu8> = !schedule.buffer<4x4x2xu8>, !schedule.buffer<14xu8>
  }
}

// -----

// CHECK: schedule.buffer stands at the program's top level, not in a loop
schedule.program attributes {sym_name = "main", machine = "m"} {
  schedule.for %i = 2 {
    %x = schedule.buffer "data" {depth = 1} : !schedule.buffer<4xu8>
  }
}

// -----

// CHECK: func.func is no part of a schedule
schedule.program attributes {sym_name = "main", machine = "m"} {
  func.func @f() {
    func.return
  }
}

// -----

// Loops and tokens.

// CHECK: a loop runs at least once
schedule.program attributes {sym_name = "main", machine = "m"} {
  schedule.for %i = 0 {
  }
}

// -----

// CHECK: the first argument of a loop body is its counter
schedule.program attributes {sym_name = "main", machine = "m"} {
  "schedule.for"() <{count = 2 : i64}> ({
    "schedule.yield"() : () -> ()
  }) : () -> ()
}

// -----

// CHECK: the other arguments of a loop body are tokens
schedule.program attributes {sym_name = "main", machine = "m"} {
  "schedule.for"() <{count = 2 : i64}> ({
  ^body(%i: index, %j: index):
    "schedule.yield"() : () -> ()
  }) : () -> ()
}

// -----

// CHECK: a loop body ends in schedule.yield
schedule.program attributes {sym_name = "main", machine = "m"} {
  "schedule.for"() <{count = 2 : i64}> ({
  ^body(%i: index):
    "some.terminator"() : () -> ()
  }) : () -> ()
}

// -----

// CHECK: a loop with 1 initial tokens has 1 token arguments and yields 0
schedule.program attributes {sym_name = "main", machine = "m"} {
  %a = schedule.ready
  %r = schedule.for %i = 2 iter(%b = %a) {
    schedule.wait "load", %b
    schedule.yield
  }
}

// -----

// CHECK: a token is awaited, or handed on, at most once
schedule.program attributes {sym_name = "main", machine = "m"} {
  %a = schedule.signal "load"
  schedule.wait "conv.0", %a
  schedule.wait "store", %a
}

// -----

// CHECK: a token is awaited, or handed on, at most once
schedule.program attributes {sym_name = "main", machine = "m"} {
  %a = schedule.ready
  %r, %s = schedule.for %i = 2 iter(%b = %a, %c = %a) {
    schedule.yield %c, %b : !schedule.token, !schedule.token
  }
}

// -----

// CHECK: a token is awaited, or handed on, at most once
schedule.program attributes {sym_name = "main", machine = "m"} {
  %a = schedule.ready
  %r = schedule.for %i = 2 iter(%b = %a) {
    schedule.wait "load", %b
    schedule.yield %b : !schedule.token
  }
}

// -----

// Every iteration would wait for the one token.
// CHECK: a token goes into a loop as an iteration argument only
schedule.program attributes {sym_name = "main", machine = "m"} {
  %a = schedule.signal "load"
  schedule.for %i = 2 {
    schedule.wait "conv.0", %a
  }
}

// -----

// CHECK: schedule.load has an index that counts no loop around it
"schedule.program"() <{sym_name = "main", machine = "m"}> ({
^body(%j: index):
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<4xu8>
  %t = schedule.buffer "data" {depth = 1} : !schedule.buffer<4xu8>
  schedule.for %i = 2 {
    schedule.load "load" %x to %t[%j] {origin = affine_map<(d0) -> (d0)>, extents = array<i64: 4>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<4xu8> to !schedule.buffer<4xu8>
  }
}) : () -> ()

// -----

// Tensors on chip.

// CHECK: only temporary tensors lie on chip
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.tensor {kind = "input", label = "x", logical = tensor<1x4x!quant.uniform<u8:f32, 0.5>>, memory = "data"} : !schedule.tensor<1x1x4xu8>
}

// -----

// CHECK: schedule.load cannot reach a tensor on chip
schedule.program attributes {sym_name = "main", machine = "m"} {
  %k = schedule.tensor {kind = "temporary", label = "k", memory = "data"} : !schedule.tensor<4xu8>
  %t = schedule.buffer "data" {depth = 1} : !schedule.buffer<4xu8>
  schedule.load "load" %k to %t[] {origin = affine_map<() -> (0)>, extents = array<i64: 4>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<4xu8> to !schedule.buffer<4xu8>
}

// -----

// CHECK: schedule.store cannot reach a tensor on chip
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<4xu8>
  %k = schedule.tensor {kind = "temporary", label = "k", memory = "data"} : !schedule.tensor<4xu8>
  %t = schedule.buffer "data" {depth = 1} : !schedule.buffer<4xu8>
  schedule.load "load" %x to %t[] {origin = affine_map<() -> (0)>, extents = array<i64: 4>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<4xu8> to !schedule.buffer<4xu8>
  schedule.store "store" %t to %k[] {origin = affine_map<() -> (0)>, extents = array<i64: 4>, strides = array<i64: 1>} : !schedule.buffer<4xu8> to !schedule.tensor<4xu8>
}

// -----

// CHECK: schedule.window cannot reach a tensor in DRAM
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<4xu8>
  %a = schedule.window %x[] {origin = affine_map<() -> (0)>, extents = array<i64: 4>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<4xu8> to !schedule.buffer<4xu8>
}

// -----

// CHECK: schedule.load moves buffers, not windows
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<4xu8>
  %k = schedule.tensor {kind = "temporary", label = "k", memory = "data"} : !schedule.tensor<4xu8>
  %a = schedule.window %k[] {origin = affine_map<() -> (0)>, extents = array<i64: 4>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<4xu8> to !schedule.buffer<4xu8>
  schedule.load "load" %x to %a[] {origin = affine_map<() -> (0)>, extents = array<i64: 4>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<4xu8> to !schedule.buffer<4xu8>
}

// -----

// CHECK: schedule.store moves buffers, not windows
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<4xu8>
  %k = schedule.tensor {kind = "temporary", label = "k", memory = "data"} : !schedule.tensor<4xu8>
  %a = schedule.window %k[] {origin = affine_map<() -> (0)>, extents = array<i64: 4>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<4xu8> to !schedule.buffer<4xu8>
  schedule.store "store" %a to %x[] {origin = affine_map<() -> (0)>, extents = array<i64: 4>, strides = array<i64: 1>} : !schedule.buffer<4xu8> to !schedule.tensor<4xu8>
}

// -----

// CHECK: the view reaches beyond the tensor
schedule.program attributes {sym_name = "main", machine = "m"} {
  %k = schedule.tensor {kind = "temporary", label = "k", memory = "data"} : !schedule.tensor<4xu8>
  %a = schedule.window %k[] {origin = affine_map<() -> (0)>, extents = array<i64: 5>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<4xu8> to !schedule.buffer<4xu8>
}

// -----

// CHECK: schedule.window has an index that counts no loop around it
"schedule.program"() <{sym_name = "main", machine = "m"}> ({
^body(%j: index):
  %k = schedule.tensor {kind = "temporary", label = "k", memory = "data"} : !schedule.tensor<4xu8>
  schedule.for %i = 2 {
    %a = schedule.window %k[%j] {origin = affine_map<(d0) -> (d0)>, extents = array<i64: 4>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<4xu8> to !schedule.buffer<4xu8>
  }
}) : () -> ()

// -----

// Parts of tensors.

// CHECK: 4 bytes from byte 5 on reach beyond the tensor, which has 8
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<8xu8>
  %p = schedule.part %x {offset = 5} : !schedule.tensor<8xu8> -> !schedule.tensor<4xu8>
}

// -----

// CHECK: a part is of a tensor
schedule.program attributes {sym_name = "main", machine = "m"} {
  %x = "test.tensor"() : () -> !schedule.tensor<8xu8>
  %p = schedule.part %x {offset = 0} : !schedule.tensor<8xu8> -> !schedule.tensor<4xu8>
}
