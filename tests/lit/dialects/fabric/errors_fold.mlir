// RUN: tilefold-opt %s --verify-diagnostics --parsing-diagnostics --split-input-file | filecheck %s

// CHECK: fold: chain x cols x pixels x groups = 6 units, not 5
builtin.module attributes {f = #fabric.fold<@conv, first = 0, units = 5, chain = 2, cols = 1, pixels = 3, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>} {}

// -----

// CHECK: fold: act_bits = 1 is not from 2 to 8
builtin.module attributes {f = #fabric.fold<@conv, first = 0, units = 1, chain = 1, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 1, wgt_bits = 8>} {}

// -----

// CHECK: configuration: two folds take unit 1 of @conv
builtin.module attributes {f = #fabric.configuration<[
  #fabric.fold<@conv, first = 0, units = 2, chain = 2, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>,
  #fabric.fold<@conv, first = 1, units = 1, chain = 1, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
]>} {}

// -----

// CHECK: Expected 'first'
builtin.module attributes {f = #fabric.fold<@conv, units = 1>} {}
