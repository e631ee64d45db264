// RUN: tilefold-opt %s | tilefold-opt | filecheck %s
// RUN: tilefold-opt %s --print-op-generic | tilefold-opt | filecheck %s
// RUN: tilefold-opt %s --print-op-generic | filecheck %s --check-prefix=GENERIC

// GENERIC: "schedule.program"() <{sym_name = "main", machine = "tiny"}> ({
// CHECK: schedule.program attributes {sym_name = "main", machine = "tiny"} {
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  // GENERIC: "schedule.tensor"() <{kind = "input", label = "image", logical = tensor<1x4x6x6x!quant.uniform<u8:f32, 0.5:3>>, host_float = true}> : () -> !schedule.tensor<6x6x4xu8>
  // CHECK: %image = schedule.tensor {kind = "input", label = "image", logical = tensor<1x4x6x6x!quant.uniform<u8:f32, 0.5:3>>, host_float = true} : !schedule.tensor<6x6x4xu8>
  %image = schedule.tensor {kind = "input", label = "image", logical = tensor<1x4x6x6x!quant.uniform<u8:f32, 0.5:3>>, host_float = true} : !schedule.tensor<6x6x4xu8>
  // CHECK: %out = schedule.tensor {kind = "output", label = "out", logical = tensor<1x8x6x4x!quant.uniform<i4:f32, 0.5>>, address = 64 : i64} : !schedule.tensor<6x4x8xi4>
  %out = schedule.tensor {kind = "output", label = "out", logical = tensor<1x8x6x4x!quant.uniform<i4:f32, 0.5>>, address = 64 : i64} : !schedule.tensor<6x4x8xi4>
  // CHECK: %blocks = schedule.tensor {kind = "constant", label = "w", data = "0123456789abcdef0123456789abcdef"} : !schedule.tensor<1x2x168xu8>
  %blocks = schedule.tensor {kind = "constant", label = "w", data = "0123456789abcdef0123456789abcdef"} : !schedule.tensor<1x2x168xu8>
  // CHECK: %t = schedule.tensor {kind = "temporary", label = "t"} : !schedule.tensor<6x4x8xi32>
  %t = schedule.tensor {kind = "temporary", label = "t"} : !schedule.tensor<6x4x8xi32>
  // GENERIC: "schedule.part"(%t) <{offset = 256 : i64}> : (!schedule.tensor<6x4x8xi32>) -> !schedule.tensor<4x4x8xi32>
  // CHECK: %rows = schedule.part %t {offset = 256 : i64} : !schedule.tensor<6x4x8xi32> -> !schedule.tensor<4x4x8xi32>
  %rows = schedule.part %t {offset = 256} : !schedule.tensor<6x4x8xi32> -> !schedule.tensor<4x4x8xi32>

  // GENERIC: "schedule.buffer"() <{memory = "weights", depth = 2 : i64}> : () -> !schedule.buffer<1x1x168xu8>
  // CHECK: %w = schedule.buffer "weights" {depth = 2 : i64} : !schedule.buffer<1x1x168xu8>
  %w = schedule.buffer "weights" {depth = 2} : !schedule.buffer<1x1x168xu8>
  // CHECK: %x = schedule.buffer "data" {depth = 2 : i64, pitch = 16 : i64, address = 32 : i64} : !schedule.buffer<4x6x2xu8>
  %x = schedule.buffer "data" {depth = 2, pitch = 16, address = 32 : i64} : !schedule.buffer<4x6x2xu8>
  %sums = schedule.buffer "data" {depth = 1} : !schedule.buffer<2x4x8xi32>
  %params = schedule.buffer "weights" {depth = 1} : !schedule.buffer<8x3xi32>
  %y = schedule.buffer "data" {depth = 1} : !schedule.buffer<2x4x8xi4>
  %table = schedule.buffer "weights" {depth = 1} : !schedule.buffer<256xu8>
  %z = schedule.buffer "data" {depth = 1} : !schedule.buffer<2x4x8xi4>
  %s = schedule.buffer "data" {depth = 1} : !schedule.buffer<2x4x8xi4>
  %product = schedule.buffer "data" {depth = 1} : !schedule.buffer<2x4x8xi4>
  %p = schedule.buffer "data" {depth = 1} : !schedule.buffer<1x4x8xi4>
  %dw = schedule.buffer "weights" {depth = 1} : !schedule.buffer<1x1x52xu8>
  %d = schedule.buffer "data" {depth = 1} : !schedule.buffer<2x4x4xi8>

  // GENERIC: "schedule.configure"() <{fold = #fabric.fold<@conv, first = 0, units = 2, chain = 2, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 4>}> : () -> ()
  // CHECK: schedule.configure <@conv, first = 0, units = 2, chain = 2, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 4>
  schedule.configure <@conv, first = 0, units = 2, chain = 2, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 4>
  // GENERIC: "schedule.prefetch"() <{fold = #fabric.fold<@conv, first = 0, units = 2, chain = 2, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 4>}> : () -> ()
  // CHECK: schedule.prefetch <@conv, first = 0, units = 2, chain = 2, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 4>
  schedule.prefetch <@conv, first = 0, units = 2, chain = 2, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 4>
  // CHECK: schedule.load "wload" %t to %params[] {origin = affine_map<() -> (0, 0)>, extents = array<i64: 8, 3>, strides = array<i64: 3, 1>, pad = 0 : i64} : !schedule.tensor<6x4x8xi32> to !schedule.buffer<8x3xi32>
  schedule.load "wload" %t to %params[] {origin = affine_map<() -> (0, 0)>, extents = array<i64: 8, 3>, strides = array<i64: 3, 1>, pad = 0} : !schedule.tensor<6x4x8xi32> to !schedule.buffer<8x3xi32>
  schedule.load "wload" %blocks to %table[] {origin = affine_map<() -> (0)>, extents = array<i64: 256>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<1x2x168xu8> to !schedule.buffer<256xu8>
  schedule.load "wload" %blocks to %dw[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 1, 1, 52>, strides = array<i64: 0, 0, 1>, pad = 0} : !schedule.tensor<1x2x168xu8> to !schedule.buffer<1x1x52xu8>

  // GENERIC: "schedule.ready"() : () -> !schedule.token
  // CHECK: %free = schedule.ready
  %free = schedule.ready
  %free2 = schedule.ready
  // GENERIC: "schedule.for"(%free, %free2) <{count = 3 : i64}> ({
  // GENERIC-NEXT: ^bb0(%i: index, %a: !schedule.token, %b: !schedule.token):
  // CHECK: schedule.for %i = 3 iter(%a = %free, %b = %free2) {
  %last, %last2 = schedule.for %i = 3 iter(%a = %free, %b = %free2) {
    // CHECK-NEXT: schedule.for %c = 2 {
    schedule.for %c = 2 {
      schedule.load "wload" %blocks to %w[%c] {origin = affine_map<(d0) -> (0, d0, 0)>, extents = array<i64: 1, 2, 168>, strides = array<i64: 336, 168, 1>, pad = 0} : !schedule.tensor<1x2x168xu8> to !schedule.buffer<1x1x168xu8>
      // CHECK: schedule.load "load" %image to %x[%i, %c] {origin = affine_map<(d0, d1) -> (((d0 * 2) + -1), 0, (d1 * 2))>, extents = array<i64: 6, 6, 4>, strides = array<i64: 24, 4, 1>, pad = 3 : i64} : !schedule.tensor<6x6x4xu8> to !schedule.buffer<4x6x2xu8>
      schedule.load "load" %image to %x[%i, %c] {origin = affine_map<(d0, d1) -> (d0 * 2 - 1, 0, d1 * 2)>, extents = array<i64: 6, 6, 4>, strides = array<i64: 24, 4, 1>, pad = 3} : !schedule.tensor<6x6x4xu8> to !schedule.buffer<4x6x2xu8>
      // CHECK: %full = schedule.signal "load"
      %full = schedule.signal "load"
      // GENERIC: "schedule.wait"(%full) <{unit = "conv.0"}> : (!schedule.token) -> ()
      // CHECK: schedule.wait "conv.0", %full
      schedule.wait "conv.0", %full
      // CHECK: schedule.conv "conv.0" %sums = %x, %w[%i] {origin = affine_map<(d0) -> ((d0 * 2), 0, 0)>, extents = array<i64: 6, 4, 8>, kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i2", src_zero = 3 : i64, dst_zero = 0 : i64, lo = -2147483648 : i64, hi = 2147483647 : i64, reduction = 1 : i64} : !schedule.buffer<2x4x8xi32> = !schedule.buffer<4x6x2xu8>, !schedule.buffer<1x1x168xu8>
      schedule.conv "conv.0" %sums = %x, %w[%i] {origin = affine_map<(d0) -> (d0 * 2, 0, 0)>, extents = array<i64: 6, 4, 8>, kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i2", src_zero = 3, dst_zero = 0, lo = -2147483648, hi = 2147483647, reduction = 1} : !schedule.buffer<2x4x8xi32> = !schedule.buffer<4x6x2xu8>, !schedule.buffer<1x1x168xu8>
    // CHECK-NEXT: }
    }
    // CHECK: schedule.requantize "act" %y = %sums, %params[%i] {origin = affine_map<(d0) -> ((d0 * 2), 0, 0)>, extents = array<i64: 6, 4, 8>, src_zero = 0 : i64, dst_zero = 1 : i64, lo = -8 : i64, hi = 7 : i64} : !schedule.buffer<2x4x8xi4> = !schedule.buffer<2x4x8xi32>, !schedule.buffer<8x3xi32>
    schedule.requantize "act" %y = %sums, %params[%i] {origin = affine_map<(d0) -> (d0 * 2, 0, 0)>, extents = array<i64: 6, 4, 8>, src_zero = 0, dst_zero = 1, lo = -8, hi = 7} : !schedule.buffer<2x4x8xi4> = !schedule.buffer<2x4x8xi32>, !schedule.buffer<8x3xi32>
    // CHECK: schedule.lut "act" %z = %y, %table[%i] {origin = affine_map<(d0) -> ((d0 * 2), 0, 0)>, extents = array<i64: 6, 4, 8>} : !schedule.buffer<2x4x8xi4> = !schedule.buffer<2x4x8xi4>, !schedule.buffer<256xu8>
    schedule.lut "act" %z = %y, %table[%i] {origin = affine_map<(d0) -> (d0 * 2, 0, 0)>, extents = array<i64: 6, 4, 8>} : !schedule.buffer<2x4x8xi4> = !schedule.buffer<2x4x8xi4>, !schedule.buffer<256xu8>
    // CHECK: schedule.add "act" %s = %y, %z[%i] {origin = affine_map<(d0) -> ((d0 * 2), 0, 0)>, extents = array<i64: 6, 4, 8>, ra = 5.000000e-01 : f32, rb = 2.500000e-01 : f32, fix = -1.500000e+00 : f32, lo = -8 : i64, hi = 7 : i64} : !schedule.buffer<2x4x8xi4> = !schedule.buffer<2x4x8xi4>, !schedule.buffer<2x4x8xi4>
    schedule.add "act" %s = %y, %z[%i] {origin = affine_map<(d0) -> (d0 * 2, 0, 0)>, extents = array<i64: 6, 4, 8>, ra = 0.5 : f32, rb = 0.25 : f32, fix = -1.5 : f32, lo = -8, hi = 7} : !schedule.buffer<2x4x8xi4> = !schedule.buffer<2x4x8xi4>, !schedule.buffer<2x4x8xi4>
    // CHECK: schedule.mul "act" %product = %y, %z[%i] {origin = affine_map<(d0) -> ((d0 * 2), 0, 0)>, extents = array<i64: 6, 4, 8>, a_zero = 1 : i64, b_zero = -2 : i64, m = 5.000000e-01 : f32, dst_zero = 3 : i64, lo = -8 : i64, hi = 7 : i64} : !schedule.buffer<2x4x8xi4> = !schedule.buffer<2x4x8xi4>, !schedule.buffer<2x4x8xi4>
    schedule.mul "act" %product = %y, %z[%i] {origin = affine_map<(d0) -> (d0 * 2, 0, 0)>, extents = array<i64: 6, 4, 8>, a_zero = 1, b_zero = -2, m = 0.5 : f32, dst_zero = 3, lo = -8, hi = 7} : !schedule.buffer<2x4x8xi4> = !schedule.buffer<2x4x8xi4>, !schedule.buffer<2x4x8xi4>
    // CHECK: schedule.pool "act" %p = %s[%i] {origin = affine_map<(d0) -> (d0, 0, 0)>, extents = array<i64: 3, 4, 8>, dst_zero = 0 : i64, lo = -8 : i64, hi = 7 : i64, kind = "max", kernel = array<i64: 2, 1>, strides = array<i64: 2, 1>, dilations = array<i64: 1, 1>, src_zero = 0 : i64, src_scale = 5.000000e-01 : f32, dst_scale = 5.000000e-01 : f32, include_pad = false} : !schedule.buffer<1x4x8xi4> = !schedule.buffer<2x4x8xi4>
    schedule.pool "act" %p = %s[%i] {origin = affine_map<(d0) -> (d0, 0, 0)>, extents = array<i64: 3, 4, 8>, dst_zero = 0, lo = -8, hi = 7, kind = "max", kernel = array<i64: 2, 1>, strides = array<i64: 2, 1>, dilations = array<i64: 1, 1>, src_zero = 0, src_scale = 0.5 : f32, dst_scale = 0.5 : f32, include_pad = false} : !schedule.buffer<1x4x8xi4> = !schedule.buffer<2x4x8xi4>
    // CHECK: schedule.store "store" %p to %out[%i] {origin = affine_map<(d0) -> (d0, 0, 0)>, extents = array<i64: 3, 4, 8>, strides = array<i64: 32, 8, 1>} : !schedule.buffer<1x4x8xi4> to !schedule.tensor<6x4x8xi4>
    schedule.store "store" %p to %out[%i] {origin = affine_map<(d0) -> (d0, 0, 0)>, extents = array<i64: 3, 4, 8>, strides = array<i64: 32, 8, 1>} : !schedule.buffer<1x4x8xi4> to !schedule.tensor<6x4x8xi4>
    // GENERIC: "schedule.yield"(%b, %a) : (!schedule.token, !schedule.token) -> ()
    // CHECK: schedule.yield %b, %a : !schedule.token, !schedule.token
    schedule.yield %b, %a : !schedule.token, !schedule.token
  // CHECK-NEXT: } {note = "kept"}
  } {note = "kept"}
  %dx = schedule.buffer "data" {depth = 1} : !schedule.buffer<2x4x2xi8>
  schedule.load "load" %image to %dx[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 6, 6, 4>, strides = array<i64: 24, 4, 1>, pad = 0} : !schedule.tensor<6x6x4xu8> to !schedule.buffer<2x4x2xi8>
  // CHECK: schedule.depthwise "conv.1" %d = %dx, %dw[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 2, 4, 4>, kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "u8", src_zero = 0 : i64, dst_zero = 0 : i64, lo = -128 : i64, hi = 127 : i64, multiplier = 2 : i64} : !schedule.buffer<2x4x4xi8> = !schedule.buffer<2x4x2xi8>, !schedule.buffer<1x1x52xu8>
  schedule.depthwise "conv.1" %d = %dx, %dw[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 2, 4, 4>, kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "u8", src_zero = 0, dst_zero = 0, lo = -128, hi = 127, multiplier = 2} : !schedule.buffer<2x4x4xi8> = !schedule.buffer<2x4x2xi8>, !schedule.buffer<1x1x52xu8>
  // GENERIC: "schedule.tensor"() <{kind = "temporary", label = "kept", memory = "data", address = 512 : i64}> : () -> !schedule.tensor<4x4x2xu8>
  // CHECK: %kept = schedule.tensor {kind = "temporary", label = "kept", memory = "data", address = 512 : i64} : !schedule.tensor<4x4x2xu8>
  %kept = schedule.tensor {kind = "temporary", label = "kept", memory = "data", address = 512} : !schedule.tensor<4x4x2xu8>
  %half = schedule.tensor {kind = "temporary", label = "half", memory = "data"} : !schedule.tensor<2x2x2xu8>
  schedule.for %i = 2 {
    // GENERIC: %in = "schedule.window"(%kept, %{{i.*}}) <{origin = affine_map<(d0) -> (((d0 * 2) + -1), -1, 0)>, extents = array<i64: 4, 4, 2>, strides = array<i64: 8, 2, 1>, pad = 3 : i64}> : (!schedule.tensor<4x4x2xu8>, index) -> !schedule.buffer<3x5x2xu8>
    // CHECK: %in = schedule.window %kept[%{{i.*}}] {origin = affine_map<(d0) -> (((d0 * 2) + -1), -1, 0)>, extents = array<i64: 4, 4, 2>, strides = array<i64: 8, 2, 1>, pad = 3 : i64} : !schedule.tensor<4x4x2xu8> to !schedule.buffer<3x5x2xu8>
    %in = schedule.window %kept[%i] {origin = affine_map<(d0) -> (d0 * 2 - 1, -1, 0)>, extents = array<i64: 4, 4, 2>, strides = array<i64: 8, 2, 1>, pad = 3} : !schedule.tensor<4x4x2xu8> to !schedule.buffer<3x5x2xu8>
    // CHECK: %result = schedule.window %half[%{{i.*}}]
    %result = schedule.window %half[%i] {origin = affine_map<(d0) -> (d0, 0, 0)>, extents = array<i64: 2, 2, 2>, strides = array<i64: 4, 2, 1>, pad = 0} : !schedule.tensor<2x2x2xu8> to !schedule.buffer<1x2x2xu8>
    // CHECK: schedule.pool "act" %result = %in[%{{i.*}}]
    schedule.pool "act" %result = %in[%i] {origin = affine_map<(d0) -> (d0, 0, 0)>, extents = array<i64: 2, 2, 2>, dst_zero = 3, lo = 0, hi = 255, kind = "max", kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, src_zero = 3, src_scale = 0.5 : f32, dst_scale = 0.5 : f32, include_pad = false} : !schedule.buffer<1x2x2xu8> = !schedule.buffer<3x5x2xu8>
  }
  // CHECK: tiling = #schedule.tiling<rows = 8, columns = 56, k = 64, c = 32, order = "k y x">
  schedule.for %n = 1 {
  } {tiling = #schedule.tiling<rows = 8, columns = 56, k = 64, c = 32, order = "k y x">}
}
