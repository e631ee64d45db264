// RUN: tilefold-opt %s --verify-diagnostics --parsing-diagnostics --split-input-file | filecheck %s

// CHECK: element type f32 is none of u2, i2, u4, i4, u8, i8, i32
builtin.module attributes {t = !schedule.tensor<4x4xf32>} {}

// -----

// CHECK: sizes (4, 0) must be positive
builtin.module attributes {t = !schedule.buffer<4x0xu8>} {}

// -----

// CHECK: Unexpected dynamic dimension!
builtin.module attributes {t = !schedule.buffer<?x4xu8>} {}

// -----

// CHECK: tile sizes must be positive
builtin.module attributes {t = #schedule.tiling<rows = 0, columns = 1, k = 1, c = 1, order = "k y x">} {}

// -----

// CHECK: order "k y" must arrange k, y and x
builtin.module attributes {t = #schedule.tiling<rows = 1, columns = 1, k = 1, c = 1, order = "k y">} {}

// -----

// CHECK: Expected 'columns'
builtin.module attributes {t = #schedule.tiling<rows = 1, k = 1>} {}
