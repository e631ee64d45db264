// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},schedule-buffer-depth,schedule-allocate' | filecheck %s

// A tensor that is kept on chip leaves 2096 of 4096 bytes: both rings fit with one slot, and the
// smaller one with two. The next nest does not touch what is kept, and both rings are doubled.
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %k = schedule.tensor {kind = "temporary", label = "k", memory = "data", address = 0} : !schedule.tensor<2000xu8>
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<9000xu8>
  // CHECK: %big = schedule.buffer "data" {depth = 1 : i64
  // CHECK-NEXT: %small = schedule.buffer "data" {depth = 2 : i64
  // CHECK: %b = schedule.buffer "data" {depth = 2 : i64
  // CHECK-NEXT: %s = schedule.buffer "data" {depth = 2 : i64
  %big = schedule.buffer "data" {depth = 1} : !schedule.buffer<1000xu8>
  %small = schedule.buffer "data" {depth = 1} : !schedule.buffer<500xu8>
  schedule.for %i = 4 {
    schedule.load "load" %x to %big[%i] {origin = affine_map<(d0) -> (d0 * 1000)>, extents = array<i64: 4000>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<9000xu8> to !schedule.buffer<1000xu8>
    schedule.load "load" %x to %small[%i] {origin = affine_map<(d0) -> (d0 * 500)>, extents = array<i64: 2000>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<9000xu8> to !schedule.buffer<500xu8>
    %in = schedule.window %k[%i] {origin = affine_map<(d0) -> (d0 * 500)>, extents = array<i64: 2000>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<2000xu8> to !schedule.buffer<500xu8>
    schedule.store "store" %small to %x[%i] {origin = affine_map<(d0) -> (d0 * 500)>, extents = array<i64: 2000>, strides = array<i64: 1>} : !schedule.buffer<500xu8> to !schedule.tensor<9000xu8>
  }
  %b = schedule.buffer "data" {depth = 1} : !schedule.buffer<1000xu8>
  %s = schedule.buffer "data" {depth = 1} : !schedule.buffer<500xu8>
  schedule.for %i = 4 {
    schedule.load "load" %x to %b[%i] {origin = affine_map<(d0) -> (d0 * 1000)>, extents = array<i64: 4000>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<9000xu8> to !schedule.buffer<1000xu8>
    schedule.load "load" %x to %s[%i] {origin = affine_map<(d0) -> (d0 * 500)>, extents = array<i64: 2000>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<9000xu8> to !schedule.buffer<500xu8>
    schedule.store "store" %s to %x[%i] {origin = affine_map<(d0) -> (d0 * 500)>, extents = array<i64: 2000>, strides = array<i64: 1>} : !schedule.buffer<500xu8> to !schedule.tensor<9000xu8>
  }
}
