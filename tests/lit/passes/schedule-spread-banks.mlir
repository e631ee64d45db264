// RUN: tilefold-opt %s -p 'schedule-spread-banks' --split-input-file | filecheck %s
// RUN: tilefold-opt %s -p 'schedule-spread-banks,schedule-spread-banks' --split-input-file | filecheck %s

// Two units share the pixels, and the second one starts a row later, in the same bank of two: with 4
// bytes more between rows of 32, on chip, or 16, in tiles of the input, it starts in the other one.
// CHECK: schedule.tensor {{.*}}memory = "data", address = 0 : i64} : !schedule.tensor<2x36xu8>
// CHECK: schedule.buffer "data" {depth = 1 : i64, pitch = 20 : i64}
// CHECK: schedule.window {{.*}} strides = array<i64: 36, 4, 1>
// CHECK: schedule.buffer "data" {depth = 1 : i64}
// CHECK: schedule.window {{.*}} strides = array<i64: 36, 4, 1>
fabric.machine @crowded {hz = 100000000, src = "assumed"} {
  fabric.memory @dram {kind = "dram", bytes = 16777216, bytes_per_cycle = 8, burst = 8, latency_cycles = 4, src = "assumed"}
  fabric.memory @data {bytes = 4096, line = 4, banks = 2, conflicts = true, holds = ["I", "O"], src = "assumed"}
  fabric.memory @weights {bytes = 2048, line = 4, banks = 4, holds = ["W"], src = "assumed"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 4, src = "assumed"}
  fabric.dma @wload {path = [@dram, @weights], bytes_per_cycle = 4, src = "assumed"}
  fabric.dma @store {path = [@data, @dram], bytes_per_cycle = 4, src = "assumed"}
  fabric.array @conv {count = 2, axes = {y = 4, x = 4}, precisions = [[8, 8, 1], [8, 4, 2], [4, 4, 4], [2, 2, 16]], feed = "skew", src = "assumed; products per multiplier as BitFusion's fusible one (ISCA 2018)"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "assumed"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "assumed"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "assumed"}
    fabric.mode @depthwise {spatial = {y = ["FY", "FX"], x = ["G", "K"]}, src = "assumed"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @data], [@data, @data]], src = "assumed"}
  fabric.folds @mesh {of = @conv, p = [2], hop_cycles = 1, shadow = true, config_bytes = 16, switch_cycles = 2, src = "assumed"}
}
schedule.program attributes {sym_name = "main", machine = "crowded"} {
  %0 = schedule.tensor {kind = "input", label = "input0", logical = tensor<1x4x2x8x!quant.uniform<u8:f32, 0.5:3>>} : !schedule.tensor<2x8x4xu8>
  %1 = schedule.tensor {kind = "output", label = "output0", logical = tensor<1x4x2x8x!quant.uniform<u8:f32, 0.5:3>>} : !schedule.tensor<2x8x4xu8>
  schedule.configure <@conv, first = 0, units = 2, chain = 1, cols = 1, pixels = 2, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  %2 = schedule.tensor {kind = "constant", label = "", data = "8b16ea5d99f440c7896a00e706eb1de9"} : !schedule.tensor<1x1x64xu8>
  %3 = schedule.tensor {kind = "temporary", label = "t1", memory = "data", address = 0 : i64} : !schedule.tensor<2x8x4xu8>
  %4 = schedule.buffer "weights" {depth = 1 : i64} : !schedule.buffer<1x1x64xu8>
  %5 = schedule.buffer "data" {depth = 1 : i64} : !schedule.buffer<2x4x4xu8>
  schedule.load "wload" %2 to %4[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 1, 1, 64>, strides = array<i64: 64, 64, 1>, pad = 0 : i64} : !schedule.tensor<1x1x64xu8> to !schedule.buffer<1x1x64xu8>
  schedule.for %6 = 2 {
    schedule.load "load" %0 to %5[%6] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, strides = array<i64: 32, 4, 1>, pad = 3 : i64} : !schedule.tensor<2x8x4xu8> to !schedule.buffer<2x4x4xu8>
    %7 = schedule.window %3[%6] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, strides = array<i64: 32, 4, 1>, pad = 0 : i64} : !schedule.tensor<2x8x4xu8> to !schedule.buffer<2x4x4xu8>
    schedule.conv "conv.0" %7 = %5, %4[%6] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 3 : i64, dst_zero = 3 : i64, lo = 0 : i64, hi = 255 : i64, reduction = 0 : i64} : !schedule.buffer<2x4x4xu8> = !schedule.buffer<2x4x4xu8>, !schedule.buffer<1x1x64xu8>
  }
  schedule.configure <@conv, first = 0, units = 2, chain = 1, cols = 1, pixels = 2, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  %8 = schedule.tensor {kind = "constant", label = "", data = "8b16ea5d99f440c7896a00e706eb1de9"} : !schedule.tensor<1x1x64xu8>
  %9 = schedule.buffer "weights" {depth = 1 : i64} : !schedule.buffer<1x1x64xu8>
  %10 = schedule.buffer "data" {depth = 1 : i64} : !schedule.buffer<2x4x4xu8>
  schedule.load "wload" %8 to %9[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 1, 1, 64>, strides = array<i64: 64, 64, 1>, pad = 0 : i64} : !schedule.tensor<1x1x64xu8> to !schedule.buffer<1x1x64xu8>
  schedule.for %11 = 2 {
    %12 = schedule.window %3[%11] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, strides = array<i64: 32, 4, 1>, pad = 3 : i64} : !schedule.tensor<2x8x4xu8> to !schedule.buffer<2x4x4xu8>
    schedule.conv "conv.0" %10 = %12, %9[%11] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 3 : i64, dst_zero = 3 : i64, lo = 0 : i64, hi = 255 : i64, reduction = 0 : i64} : !schedule.buffer<2x4x4xu8> = !schedule.buffer<2x4x4xu8>, !schedule.buffer<1x1x64xu8>
    schedule.store "store" %10 to %1[%11] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, strides = array<i64: 32, 4, 1>} : !schedule.buffer<2x4x4xu8> to !schedule.tensor<2x8x4xu8>
  }
}

// -----

// Parts of a tensor move with its rows.
// CHECK: schedule.tensor {{.*}}memory = "data", address = 0 : i64} : !schedule.tensor<2x68xu8>
// CHECK: schedule.part {{.*}} {offset = 0 : i64} : !schedule.tensor<2x68xu8> -> !schedule.tensor<128xu8>
// CHECK: schedule.buffer "data" {depth = 1 : i64, pitch = 20 : i64}
// CHECK: schedule.window {{.*}} strides = array<i64: 68, 8, 1>
// CHECK: schedule.part {{.*}} {offset = 4 : i64} : !schedule.tensor<2x68xu8> -> !schedule.tensor<128xu8>
// CHECK: schedule.buffer "data" {depth = 1 : i64, pitch = 20 : i64}
// CHECK: schedule.window {{.*}} strides = array<i64: 68, 8, 1>
// CHECK: schedule.buffer "data" {depth = 1 : i64}
// CHECK: schedule.window {{.*}} strides = array<i64: 68, 8, 1>
fabric.machine @crowded {hz = 100000000, src = "assumed"} {
  fabric.memory @dram {kind = "dram", bytes = 16777216, bytes_per_cycle = 8, burst = 8, latency_cycles = 4, src = "assumed"}
  fabric.memory @data {bytes = 4096, line = 4, banks = 2, conflicts = true, holds = ["I", "O"], src = "assumed"}
  fabric.memory @weights {bytes = 2048, line = 4, banks = 4, holds = ["W"], src = "assumed"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 4, src = "assumed"}
  fabric.dma @wload {path = [@dram, @weights], bytes_per_cycle = 4, src = "assumed"}
  fabric.dma @store {path = [@data, @dram], bytes_per_cycle = 4, src = "assumed"}
  fabric.array @conv {count = 2, axes = {y = 4, x = 4}, precisions = [[8, 8, 1], [8, 4, 2], [4, 4, 4], [2, 2, 16]], feed = "skew", src = "assumed; products per multiplier as BitFusion's fusible one (ISCA 2018)"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "assumed"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "assumed"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "assumed"}
    fabric.mode @depthwise {spatial = {y = ["FY", "FX"], x = ["G", "K"]}, src = "assumed"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @data], [@data, @data]], src = "assumed"}
  fabric.folds @mesh {of = @conv, p = [2], hop_cycles = 1, shadow = true, config_bytes = 16, switch_cycles = 2, src = "assumed"}
}
schedule.program attributes {sym_name = "main", machine = "crowded"} {
  %0 = schedule.tensor {kind = "input", label = "input0", logical = tensor<1x4x2x8x!quant.uniform<u8:f32, 0.5:3>>} : !schedule.tensor<2x8x4xu8>
  %1 = schedule.tensor {kind = "output", label = "output0", logical = tensor<1x4x2x8x!quant.uniform<u8:f32, 0.5:3>>} : !schedule.tensor<2x8x4xu8>
  schedule.configure <@conv, first = 0, units = 2, chain = 1, cols = 1, pixels = 2, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  %2 = schedule.tensor {kind = "constant", label = "", data = "8b16ea5d99f440c7896a00e706eb1de9"} : !schedule.tensor<1x1x64xu8>
  %3 = schedule.tensor {kind = "temporary", label = "t1", memory = "data", address = 0 : i64} : !schedule.tensor<2x8x8xu8>
  %4 = schedule.part %3 {offset = 0 : i64} : !schedule.tensor<2x8x8xu8> -> !schedule.tensor<124xu8>
  %5 = schedule.buffer "weights" {depth = 1 : i64} : !schedule.buffer<1x1x64xu8>
  %6 = schedule.buffer "data" {depth = 1 : i64} : !schedule.buffer<2x4x4xu8>
  schedule.load "wload" %2 to %5[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 1, 1, 64>, strides = array<i64: 64, 64, 1>, pad = 0 : i64} : !schedule.tensor<1x1x64xu8> to !schedule.buffer<1x1x64xu8>
  schedule.for %7 = 2 {
    schedule.load "load" %0 to %6[%7] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, strides = array<i64: 32, 4, 1>, pad = 3 : i64} : !schedule.tensor<2x8x4xu8> to !schedule.buffer<2x4x4xu8>
    %8 = schedule.window %4[%7] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, strides = array<i64: 64, 8, 1>, pad = 0 : i64} : !schedule.tensor<124xu8> to !schedule.buffer<2x4x4xu8>
    schedule.conv "conv.0" %8 = %6, %5[%7] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 3 : i64, dst_zero = 3 : i64, lo = 0 : i64, hi = 255 : i64, reduction = 0 : i64} : !schedule.buffer<2x4x4xu8> = !schedule.buffer<2x4x4xu8>, !schedule.buffer<1x1x64xu8>
  }
  schedule.configure <@conv, first = 0, units = 2, chain = 1, cols = 1, pixels = 2, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  %9 = schedule.tensor {kind = "constant", label = "", data = "8b16ea5d99f440c7896a00e706eb1de9"} : !schedule.tensor<1x1x64xu8>
  %10 = schedule.part %3 {offset = 4 : i64} : !schedule.tensor<2x8x8xu8> -> !schedule.tensor<124xu8>
  %11 = schedule.buffer "weights" {depth = 1 : i64} : !schedule.buffer<1x1x64xu8>
  %12 = schedule.buffer "data" {depth = 1 : i64} : !schedule.buffer<2x4x4xu8>
  schedule.load "wload" %9 to %11[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 1, 1, 64>, strides = array<i64: 64, 64, 1>, pad = 0 : i64} : !schedule.tensor<1x1x64xu8> to !schedule.buffer<1x1x64xu8>
  schedule.for %13 = 2 {
    schedule.load "load" %0 to %12[%13] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, strides = array<i64: 32, 4, 1>, pad = 3 : i64} : !schedule.tensor<2x8x4xu8> to !schedule.buffer<2x4x4xu8>
    %14 = schedule.window %10[%13] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, strides = array<i64: 64, 8, 1>, pad = 0 : i64} : !schedule.tensor<124xu8> to !schedule.buffer<2x4x4xu8>
    schedule.conv "conv.0" %14 = %12, %11[%13] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 3 : i64, dst_zero = 3 : i64, lo = 0 : i64, hi = 255 : i64, reduction = 0 : i64} : !schedule.buffer<2x4x4xu8> = !schedule.buffer<2x4x4xu8>, !schedule.buffer<1x1x64xu8>
  }
  schedule.configure <@conv, first = 0, units = 2, chain = 1, cols = 1, pixels = 2, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  %15 = schedule.tensor {kind = "constant", label = "", data = "72fca0f37bd01981f2db8959bd48ee04"} : !schedule.tensor<1x1x80xu8>
  %16 = schedule.buffer "weights" {depth = 1 : i64} : !schedule.buffer<1x1x80xu8>
  %17 = schedule.buffer "data" {depth = 1 : i64} : !schedule.buffer<2x4x4xu8>
  schedule.load "wload" %15 to %16[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 1, 1, 80>, strides = array<i64: 80, 80, 1>, pad = 0 : i64} : !schedule.tensor<1x1x80xu8> to !schedule.buffer<1x1x80xu8>
  schedule.for %18 = 2 {
    %19 = schedule.window %3[%18] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 8>, strides = array<i64: 64, 8, 1>, pad = 3 : i64} : !schedule.tensor<2x8x8xu8> to !schedule.buffer<2x4x8xu8>
    schedule.conv "conv.0" %17 = %19, %16[%18] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 3 : i64, dst_zero = 3 : i64, lo = 0 : i64, hi = 255 : i64, reduction = 0 : i64} : !schedule.buffer<2x4x4xu8> = !schedule.buffer<2x4x8xu8>, !schedule.buffer<1x1x80xu8>
    schedule.store "store" %17 to %1[%18] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, strides = array<i64: 32, 4, 1>} : !schedule.buffer<2x4x4xu8> to !schedule.tensor<2x8x4xu8>
  }
}

// -----

// The tensor comes first, and leaves no room for the tiles.
// CHECK: schedule.tensor {{.*}}memory = "data", address = 0 : i64} : !schedule.tensor<2x36xu8>
// CHECK: schedule.buffer "data" {depth = 1 : i64}
// CHECK: schedule.window {{.*}} strides = array<i64: 36, 4, 1>
// CHECK: schedule.buffer "data" {depth = 1 : i64}
// CHECK: schedule.window {{.*}} strides = array<i64: 36, 4, 1>
fabric.machine @crowded {hz = 100000000, src = "assumed"} {
  fabric.memory @dram {kind = "dram", bytes = 16777216, bytes_per_cycle = 8, burst = 8, latency_cycles = 4, src = "assumed"}
  fabric.memory @data {bytes = 104, line = 4, banks = 2, conflicts = true, holds = ["I", "O"], src = "assumed"}
  fabric.memory @weights {bytes = 2048, line = 4, banks = 4, holds = ["W"], src = "assumed"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 4, src = "assumed"}
  fabric.dma @wload {path = [@dram, @weights], bytes_per_cycle = 4, src = "assumed"}
  fabric.dma @store {path = [@data, @dram], bytes_per_cycle = 4, src = "assumed"}
  fabric.array @conv {count = 2, axes = {y = 4, x = 4}, precisions = [[8, 8, 1], [8, 4, 2], [4, 4, 4], [2, 2, 16]], feed = "skew", src = "assumed; products per multiplier as BitFusion's fusible one (ISCA 2018)"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "assumed"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "assumed"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "assumed"}
    fabric.mode @depthwise {spatial = {y = ["FY", "FX"], x = ["G", "K"]}, src = "assumed"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @data], [@data, @data]], src = "assumed"}
  fabric.folds @mesh {of = @conv, p = [2], hop_cycles = 1, shadow = true, config_bytes = 16, switch_cycles = 2, src = "assumed"}
}
schedule.program attributes {sym_name = "main", machine = "crowded"} {
  %0 = schedule.tensor {kind = "input", label = "input0", logical = tensor<1x4x2x8x!quant.uniform<u8:f32, 0.5:3>>} : !schedule.tensor<2x8x4xu8>
  %1 = schedule.tensor {kind = "output", label = "output0", logical = tensor<1x4x2x8x!quant.uniform<u8:f32, 0.5:3>>} : !schedule.tensor<2x8x4xu8>
  schedule.configure <@conv, first = 0, units = 2, chain = 1, cols = 1, pixels = 2, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  %2 = schedule.tensor {kind = "constant", label = "", data = "8b16ea5d99f440c7896a00e706eb1de9"} : !schedule.tensor<1x1x64xu8>
  %3 = schedule.tensor {kind = "temporary", label = "t1", memory = "data", address = 0 : i64} : !schedule.tensor<2x8x4xu8>
  %4 = schedule.buffer "weights" {depth = 1 : i64} : !schedule.buffer<1x1x64xu8>
  %5 = schedule.buffer "data" {depth = 1 : i64} : !schedule.buffer<2x4x4xu8>
  schedule.load "wload" %2 to %4[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 1, 1, 64>, strides = array<i64: 64, 64, 1>, pad = 0 : i64} : !schedule.tensor<1x1x64xu8> to !schedule.buffer<1x1x64xu8>
  schedule.for %6 = 2 {
    schedule.load "load" %0 to %5[%6] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, strides = array<i64: 32, 4, 1>, pad = 3 : i64} : !schedule.tensor<2x8x4xu8> to !schedule.buffer<2x4x4xu8>
    %7 = schedule.window %3[%6] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, strides = array<i64: 32, 4, 1>, pad = 0 : i64} : !schedule.tensor<2x8x4xu8> to !schedule.buffer<2x4x4xu8>
    schedule.conv "conv.0" %7 = %5, %4[%6] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 3 : i64, dst_zero = 3 : i64, lo = 0 : i64, hi = 255 : i64, reduction = 0 : i64} : !schedule.buffer<2x4x4xu8> = !schedule.buffer<2x4x4xu8>, !schedule.buffer<1x1x64xu8>
  }
  schedule.configure <@conv, first = 0, units = 2, chain = 1, cols = 1, pixels = 2, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  %8 = schedule.tensor {kind = "constant", label = "", data = "8b16ea5d99f440c7896a00e706eb1de9"} : !schedule.tensor<1x1x64xu8>
  %9 = schedule.buffer "weights" {depth = 1 : i64} : !schedule.buffer<1x1x64xu8>
  %10 = schedule.buffer "data" {depth = 1 : i64} : !schedule.buffer<2x4x4xu8>
  schedule.load "wload" %8 to %9[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 1, 1, 64>, strides = array<i64: 64, 64, 1>, pad = 0 : i64} : !schedule.tensor<1x1x64xu8> to !schedule.buffer<1x1x64xu8>
  schedule.for %11 = 2 {
    %12 = schedule.window %3[%11] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, strides = array<i64: 32, 4, 1>, pad = 3 : i64} : !schedule.tensor<2x8x4xu8> to !schedule.buffer<2x4x4xu8>
    schedule.conv "conv.0" %10 = %12, %9[%11] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 3 : i64, dst_zero = 3 : i64, lo = 0 : i64, hi = 255 : i64, reduction = 0 : i64} : !schedule.buffer<2x4x4xu8> = !schedule.buffer<2x4x4xu8>, !schedule.buffer<1x1x64xu8>
    schedule.store "store" %10 to %1[%11] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, strides = array<i64: 32, 4, 1>} : !schedule.buffer<2x4x4xu8> to !schedule.tensor<2x8x4xu8>
  }
}

// -----

// There is no room for anything.
// CHECK: schedule.tensor {{.*}}memory = "data", address = 0 : i64} : !schedule.tensor<2x8x4xu8>
// CHECK: schedule.buffer "data" {depth = 1 : i64}
// CHECK: schedule.window {{.*}} strides = array<i64: 32, 4, 1>
// CHECK: schedule.buffer "data" {depth = 1 : i64}
// CHECK: schedule.window {{.*}} strides = array<i64: 32, 4, 1>
fabric.machine @crowded {hz = 100000000, src = "assumed"} {
  fabric.memory @dram {kind = "dram", bytes = 16777216, bytes_per_cycle = 8, burst = 8, latency_cycles = 4, src = "assumed"}
  fabric.memory @data {bytes = 96, line = 4, banks = 2, conflicts = true, holds = ["I", "O"], src = "assumed"}
  fabric.memory @weights {bytes = 2048, line = 4, banks = 4, holds = ["W"], src = "assumed"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 4, src = "assumed"}
  fabric.dma @wload {path = [@dram, @weights], bytes_per_cycle = 4, src = "assumed"}
  fabric.dma @store {path = [@data, @dram], bytes_per_cycle = 4, src = "assumed"}
  fabric.array @conv {count = 2, axes = {y = 4, x = 4}, precisions = [[8, 8, 1], [8, 4, 2], [4, 4, 4], [2, 2, 16]], feed = "skew", src = "assumed; products per multiplier as BitFusion's fusible one (ISCA 2018)"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "assumed"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "assumed"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "assumed"}
    fabric.mode @depthwise {spatial = {y = ["FY", "FX"], x = ["G", "K"]}, src = "assumed"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @data], [@data, @data]], src = "assumed"}
  fabric.folds @mesh {of = @conv, p = [2], hop_cycles = 1, shadow = true, config_bytes = 16, switch_cycles = 2, src = "assumed"}
}
schedule.program attributes {sym_name = "main", machine = "crowded"} {
  %0 = schedule.tensor {kind = "input", label = "input0", logical = tensor<1x4x2x8x!quant.uniform<u8:f32, 0.5:3>>} : !schedule.tensor<2x8x4xu8>
  %1 = schedule.tensor {kind = "output", label = "output0", logical = tensor<1x4x2x8x!quant.uniform<u8:f32, 0.5:3>>} : !schedule.tensor<2x8x4xu8>
  schedule.configure <@conv, first = 0, units = 2, chain = 1, cols = 1, pixels = 2, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  %2 = schedule.tensor {kind = "constant", label = "", data = "8b16ea5d99f440c7896a00e706eb1de9"} : !schedule.tensor<1x1x64xu8>
  %3 = schedule.tensor {kind = "temporary", label = "t1", memory = "data", address = 0 : i64} : !schedule.tensor<2x8x4xu8>
  %4 = schedule.buffer "weights" {depth = 1 : i64} : !schedule.buffer<1x1x64xu8>
  %5 = schedule.buffer "data" {depth = 1 : i64} : !schedule.buffer<2x4x4xu8>
  schedule.load "wload" %2 to %4[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 1, 1, 64>, strides = array<i64: 64, 64, 1>, pad = 0 : i64} : !schedule.tensor<1x1x64xu8> to !schedule.buffer<1x1x64xu8>
  schedule.for %6 = 2 {
    schedule.load "load" %0 to %5[%6] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, strides = array<i64: 32, 4, 1>, pad = 3 : i64} : !schedule.tensor<2x8x4xu8> to !schedule.buffer<2x4x4xu8>
    %7 = schedule.window %3[%6] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, strides = array<i64: 32, 4, 1>, pad = 0 : i64} : !schedule.tensor<2x8x4xu8> to !schedule.buffer<2x4x4xu8>
    schedule.conv "conv.0" %7 = %5, %4[%6] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 3 : i64, dst_zero = 3 : i64, lo = 0 : i64, hi = 255 : i64, reduction = 0 : i64} : !schedule.buffer<2x4x4xu8> = !schedule.buffer<2x4x4xu8>, !schedule.buffer<1x1x64xu8>
  }
  schedule.configure <@conv, first = 0, units = 2, chain = 1, cols = 1, pixels = 2, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  %8 = schedule.tensor {kind = "constant", label = "", data = "8b16ea5d99f440c7896a00e706eb1de9"} : !schedule.tensor<1x1x64xu8>
  %9 = schedule.buffer "weights" {depth = 1 : i64} : !schedule.buffer<1x1x64xu8>
  %10 = schedule.buffer "data" {depth = 1 : i64} : !schedule.buffer<2x4x4xu8>
  schedule.load "wload" %8 to %9[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 1, 1, 64>, strides = array<i64: 64, 64, 1>, pad = 0 : i64} : !schedule.tensor<1x1x64xu8> to !schedule.buffer<1x1x64xu8>
  schedule.for %11 = 2 {
    %12 = schedule.window %3[%11] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, strides = array<i64: 32, 4, 1>, pad = 3 : i64} : !schedule.tensor<2x8x4xu8> to !schedule.buffer<2x4x4xu8>
    schedule.conv "conv.0" %10 = %12, %9[%11] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 3 : i64, dst_zero = 3 : i64, lo = 0 : i64, hi = 255 : i64, reduction = 0 : i64} : !schedule.buffer<2x4x4xu8> = !schedule.buffer<2x4x4xu8>, !schedule.buffer<1x1x64xu8>
    schedule.store "store" %10 to %1[%11] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, strides = array<i64: 32, 4, 1>} : !schedule.buffer<2x4x4xu8> to !schedule.tensor<2x8x4xu8>
  }
}

// -----

// There is room for one of two tensors, and it moves the other one.
// CHECK: schedule.tensor {{.*}}memory = "data", address = 0 : i64} : !schedule.tensor<2x36xu8>
// CHECK: schedule.buffer "data" {depth = 1 : i64, pitch = 20 : i64}
// CHECK: schedule.window {{.*}} strides = array<i64: 36, 4, 1>
// CHECK: schedule.tensor {{.*}}memory = "data", address = 72 : i64} : !schedule.tensor<2x8x4xu8>
// CHECK: schedule.window {{.*}} strides = array<i64: 32, 4, 1>
// CHECK: schedule.window {{.*}} strides = array<i64: 36, 4, 1>
// CHECK: schedule.buffer "data" {depth = 1 : i64}
// CHECK: schedule.window {{.*}} strides = array<i64: 32, 4, 1>
fabric.machine @crowded {hz = 100000000, src = "assumed"} {
  fabric.memory @dram {kind = "dram", bytes = 16777216, bytes_per_cycle = 8, burst = 8, latency_cycles = 4, src = "assumed"}
  fabric.memory @data {bytes = 168, line = 4, banks = 2, conflicts = true, holds = ["I", "O"], src = "assumed"}
  fabric.memory @weights {bytes = 2048, line = 4, banks = 4, holds = ["W"], src = "assumed"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 4, src = "assumed"}
  fabric.dma @wload {path = [@dram, @weights], bytes_per_cycle = 4, src = "assumed"}
  fabric.dma @store {path = [@data, @dram], bytes_per_cycle = 4, src = "assumed"}
  fabric.array @conv {count = 2, axes = {y = 4, x = 4}, precisions = [[8, 8, 1], [8, 4, 2], [4, 4, 4], [2, 2, 16]], feed = "skew", src = "assumed; products per multiplier as BitFusion's fusible one (ISCA 2018)"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "assumed"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "assumed"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "assumed"}
    fabric.mode @depthwise {spatial = {y = ["FY", "FX"], x = ["G", "K"]}, src = "assumed"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @data], [@data, @data]], src = "assumed"}
  fabric.folds @mesh {of = @conv, p = [2], hop_cycles = 1, shadow = true, config_bytes = 16, switch_cycles = 2, src = "assumed"}
}
schedule.program attributes {sym_name = "main", machine = "crowded"} {
  %0 = schedule.tensor {kind = "input", label = "input0", logical = tensor<1x4x2x8x!quant.uniform<u8:f32, 0.5:3>>} : !schedule.tensor<2x8x4xu8>
  %1 = schedule.tensor {kind = "output", label = "output0", logical = tensor<1x4x2x8x!quant.uniform<u8:f32, 0.5:3>>} : !schedule.tensor<2x8x4xu8>
  schedule.configure <@conv, first = 0, units = 2, chain = 1, cols = 1, pixels = 2, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  %2 = schedule.tensor {kind = "constant", label = "", data = "8b16ea5d99f440c7896a00e706eb1de9"} : !schedule.tensor<1x1x64xu8>
  %3 = schedule.tensor {kind = "temporary", label = "t1", memory = "data", address = 0 : i64} : !schedule.tensor<2x8x4xu8>
  %4 = schedule.buffer "weights" {depth = 1 : i64} : !schedule.buffer<1x1x64xu8>
  %5 = schedule.buffer "data" {depth = 1 : i64} : !schedule.buffer<2x4x4xu8>
  schedule.load "wload" %2 to %4[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 1, 1, 64>, strides = array<i64: 64, 64, 1>, pad = 0 : i64} : !schedule.tensor<1x1x64xu8> to !schedule.buffer<1x1x64xu8>
  schedule.for %6 = 2 {
    schedule.load "load" %0 to %5[%6] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, strides = array<i64: 32, 4, 1>, pad = 3 : i64} : !schedule.tensor<2x8x4xu8> to !schedule.buffer<2x4x4xu8>
    %7 = schedule.window %3[%6] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, strides = array<i64: 32, 4, 1>, pad = 0 : i64} : !schedule.tensor<2x8x4xu8> to !schedule.buffer<2x4x4xu8>
    schedule.conv "conv.0" %7 = %5, %4[%6] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 3 : i64, dst_zero = 3 : i64, lo = 0 : i64, hi = 255 : i64, reduction = 0 : i64} : !schedule.buffer<2x4x4xu8> = !schedule.buffer<2x4x4xu8>, !schedule.buffer<1x1x64xu8>
  }
  schedule.configure <@conv, first = 0, units = 2, chain = 1, cols = 1, pixels = 2, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  %8 = schedule.tensor {kind = "constant", label = "", data = "8b16ea5d99f440c7896a00e706eb1de9"} : !schedule.tensor<1x1x64xu8>
  %9 = schedule.tensor {kind = "temporary", label = "t2", memory = "data", address = 64 : i64} : !schedule.tensor<2x8x4xu8>
  %10 = schedule.buffer "weights" {depth = 1 : i64} : !schedule.buffer<1x1x64xu8>
  schedule.load "wload" %8 to %10[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 1, 1, 64>, strides = array<i64: 64, 64, 1>, pad = 0 : i64} : !schedule.tensor<1x1x64xu8> to !schedule.buffer<1x1x64xu8>
  schedule.for %11 = 2 {
    %12 = schedule.window %9[%11] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, strides = array<i64: 32, 4, 1>, pad = 0 : i64} : !schedule.tensor<2x8x4xu8> to !schedule.buffer<2x4x4xu8>
    %13 = schedule.window %3[%11] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, strides = array<i64: 32, 4, 1>, pad = 3 : i64} : !schedule.tensor<2x8x4xu8> to !schedule.buffer<2x4x4xu8>
    schedule.conv "conv.0" %12 = %13, %10[%11] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 3 : i64, dst_zero = 3 : i64, lo = 0 : i64, hi = 255 : i64, reduction = 0 : i64} : !schedule.buffer<2x4x4xu8> = !schedule.buffer<2x4x4xu8>, !schedule.buffer<1x1x64xu8>
  }
  schedule.configure <@conv, first = 0, units = 2, chain = 1, cols = 1, pixels = 2, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  %14 = schedule.tensor {kind = "constant", label = "", data = "8b16ea5d99f440c7896a00e706eb1de9"} : !schedule.tensor<1x1x64xu8>
  %15 = schedule.buffer "weights" {depth = 1 : i64} : !schedule.buffer<1x1x64xu8>
  %16 = schedule.buffer "data" {depth = 1 : i64} : !schedule.buffer<2x4x4xu8>
  schedule.load "wload" %14 to %15[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 1, 1, 64>, strides = array<i64: 64, 64, 1>, pad = 0 : i64} : !schedule.tensor<1x1x64xu8> to !schedule.buffer<1x1x64xu8>
  schedule.for %17 = 2 {
    %18 = schedule.window %9[%17] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, strides = array<i64: 32, 4, 1>, pad = 3 : i64} : !schedule.tensor<2x8x4xu8> to !schedule.buffer<2x4x4xu8>
    schedule.conv "conv.0" %16 = %18, %15[%17] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 3 : i64, dst_zero = 3 : i64, lo = 0 : i64, hi = 255 : i64, reduction = 0 : i64} : !schedule.buffer<2x4x4xu8> = !schedule.buffer<2x4x4xu8>, !schedule.buffer<1x1x64xu8>
    schedule.store "store" %16 to %1[%17] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, strides = array<i64: 32, 4, 1>} : !schedule.buffer<2x4x4xu8> to !schedule.tensor<2x8x4xu8>
  }
}

// -----

// An addition sees the tensor as a single row, so it stays.
// CHECK: schedule.tensor {{.*}}memory = "data", address = 0 : i64} : !schedule.tensor<2x8x4xu8>
// CHECK: schedule.buffer "data" {depth = 1 : i64, pitch = 20 : i64}
// CHECK: schedule.window {{.*}} strides = array<i64: 32, 4, 1>
// CHECK: schedule.buffer "data" {depth = 1 : i64}
// CHECK: schedule.window {{.*}} strides = array<i64: 32, 4, 1>
// CHECK: schedule.buffer "data" {depth = 1 : i64}
// CHECK: schedule.window {{.*}} strides = array<i64: 1>
// CHECK: schedule.window {{.*}} strides = array<i64: 1>
fabric.machine @crowded {hz = 100000000, src = "assumed"} {
  fabric.memory @dram {kind = "dram", bytes = 16777216, bytes_per_cycle = 8, burst = 8, latency_cycles = 4, src = "assumed"}
  fabric.memory @data {bytes = 4096, line = 4, banks = 2, conflicts = true, holds = ["I", "O"], src = "assumed"}
  fabric.memory @weights {bytes = 2048, line = 4, banks = 4, holds = ["W"], src = "assumed"}
  fabric.dma @load {path = [@dram, @data], bytes_per_cycle = 4, src = "assumed"}
  fabric.dma @wload {path = [@dram, @weights], bytes_per_cycle = 4, src = "assumed"}
  fabric.dma @store {path = [@data, @dram], bytes_per_cycle = 4, src = "assumed"}
  fabric.array @conv {count = 2, axes = {y = 4, x = 4}, precisions = [[8, 8, 1], [8, 4, 2], [4, 4, 4], [2, 2, 16]], feed = "skew", src = "assumed; products per multiplier as BitFusion's fusible one (ISCA 2018)"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "assumed"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "assumed"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "assumed"}
    fabric.mode @depthwise {spatial = {y = ["FY", "FX"], x = ["G", "K"]}, src = "assumed"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @data], [@data, @data]], src = "assumed"}
  fabric.folds @mesh {of = @conv, p = [2], hop_cycles = 1, shadow = true, config_bytes = 16, switch_cycles = 2, src = "assumed"}
}
schedule.program attributes {sym_name = "main", machine = "crowded"} {
  %0 = schedule.tensor {kind = "input", label = "input0", logical = tensor<1x4x2x8x!quant.uniform<u8:f32, 0.5:3>>} : !schedule.tensor<2x8x4xu8>
  %1 = schedule.tensor {kind = "output", label = "output0", logical = tensor<1x4x2x8x!quant.uniform<u8:f32, 0.5:3>>} : !schedule.tensor<2x8x4xu8>
  %2 = schedule.tensor {kind = "output", label = "output1", logical = tensor<1x4x2x8x!quant.uniform<u8:f32, 0.5:3>>} : !schedule.tensor<2x8x4xu8>
  schedule.configure <@conv, first = 0, units = 2, chain = 1, cols = 1, pixels = 2, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  %3 = schedule.tensor {kind = "constant", label = "", data = "8b16ea5d99f440c7896a00e706eb1de9"} : !schedule.tensor<1x1x64xu8>
  %4 = schedule.tensor {kind = "temporary", label = "t1", memory = "data", address = 0 : i64} : !schedule.tensor<2x8x4xu8>
  %5 = schedule.buffer "weights" {depth = 1 : i64} : !schedule.buffer<1x1x64xu8>
  %6 = schedule.buffer "data" {depth = 1 : i64} : !schedule.buffer<2x4x4xu8>
  schedule.load "wload" %3 to %5[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 1, 1, 64>, strides = array<i64: 64, 64, 1>, pad = 0 : i64} : !schedule.tensor<1x1x64xu8> to !schedule.buffer<1x1x64xu8>
  schedule.for %7 = 2 {
    schedule.load "load" %0 to %6[%7] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, strides = array<i64: 32, 4, 1>, pad = 3 : i64} : !schedule.tensor<2x8x4xu8> to !schedule.buffer<2x4x4xu8>
    %8 = schedule.window %4[%7] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, strides = array<i64: 32, 4, 1>, pad = 0 : i64} : !schedule.tensor<2x8x4xu8> to !schedule.buffer<2x4x4xu8>
    schedule.conv "conv.0" %8 = %6, %5[%7] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 3 : i64, dst_zero = 3 : i64, lo = 0 : i64, hi = 255 : i64, reduction = 0 : i64} : !schedule.buffer<2x4x4xu8> = !schedule.buffer<2x4x4xu8>, !schedule.buffer<1x1x64xu8>
  }
  schedule.configure <@conv, first = 0, units = 2, chain = 1, cols = 1, pixels = 2, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  %9 = schedule.tensor {kind = "constant", label = "", data = "8b16ea5d99f440c7896a00e706eb1de9"} : !schedule.tensor<1x1x64xu8>
  %10 = schedule.buffer "weights" {depth = 1 : i64} : !schedule.buffer<1x1x64xu8>
  %11 = schedule.buffer "data" {depth = 1 : i64} : !schedule.buffer<2x4x4xu8>
  schedule.load "wload" %9 to %10[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 1, 1, 64>, strides = array<i64: 64, 64, 1>, pad = 0 : i64} : !schedule.tensor<1x1x64xu8> to !schedule.buffer<1x1x64xu8>
  schedule.for %12 = 2 {
    %13 = schedule.window %4[%12] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, strides = array<i64: 32, 4, 1>, pad = 3 : i64} : !schedule.tensor<2x8x4xu8> to !schedule.buffer<2x4x4xu8>
    schedule.conv "conv.0" %11 = %13, %10[%12] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 3 : i64, dst_zero = 3 : i64, lo = 0 : i64, hi = 255 : i64, reduction = 0 : i64} : !schedule.buffer<2x4x4xu8> = !schedule.buffer<2x4x4xu8>, !schedule.buffer<1x1x64xu8>
    schedule.store "store" %11 to %1[%12] {origin = affine_map<(d0) -> (0, (d0 * 4), 0)>, extents = array<i64: 2, 8, 4>, strides = array<i64: 32, 4, 1>} : !schedule.buffer<2x4x4xu8> to !schedule.tensor<2x8x4xu8>
  }
  %14 = schedule.buffer "data" {depth = 1 : i64} : !schedule.buffer<64xu8>
  %15 = schedule.window %4[] {origin = affine_map<() -> (0)>, extents = array<i64: 64>, strides = array<i64: 1>, pad = 0 : i64} : !schedule.tensor<2x8x4xu8> to !schedule.buffer<64xu8>
  %16 = schedule.window %4[] {origin = affine_map<() -> (0)>, extents = array<i64: 64>, strides = array<i64: 1>, pad = 0 : i64} : !schedule.tensor<2x8x4xu8> to !schedule.buffer<64xu8>
  schedule.add "act" %14 = %16, %15[] {origin = affine_map<() -> (0)>, extents = array<i64: 64>, ra = 1.000000e+00 : f32, rb = 1.000000e+00 : f32, fix = -3.000000e+00 : f32, lo = 0 : i64, hi = 255 : i64} : !schedule.buffer<64xu8> = !schedule.buffer<64xu8>, !schedule.buffer<64xu8>
  schedule.store "store" %14 to %2[] {origin = affine_map<() -> (0)>, extents = array<i64: 64>, strides = array<i64: 1>} : !schedule.buffer<64xu8> to !schedule.tensor<2x8x4xu8>
}
