// RUN: tilefold-opt %s | tilefold-opt | filecheck %s
// RUN: tilefold-opt %s --print-op-generic | tilefold-opt | filecheck %s

// CHECK: fabric.fold = #fabric.fold<@conv, first = 0, units = 6, chain = 2, cols = 1, pixels = 3, groups = 1, mode = 0, act_bits = 8, wgt_bits = 4>
// CHECK: fabric.configuration = #fabric.configuration<[#fabric.fold<@conv, first = 0, units = 2
builtin.module attributes {fabric.fold = #fabric.fold<@conv, first = 0, units = 6, chain = 2, cols = 1, pixels = 3, groups = 1, mode = 0, act_bits = 8, wgt_bits = 4>} {}

builtin.module attributes {fabric.configuration = #fabric.configuration<[
  #fabric.fold<@conv, first = 0, units = 2, chain = 2, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>,
  #fabric.fold<@conv, first = 2, units = 4, chain = 1, cols = 1, pixels = 4, groups = 1, mode = 1, act_bits = 8, wgt_bits = 8>
]>} {}
