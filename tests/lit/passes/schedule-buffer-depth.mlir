// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},schedule-buffer-depth' | filecheck %s
// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},schedule-buffer-depth{depth=3}' | filecheck %s --check-prefix=THREE
// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},schedule-buffer-depth{constants-only=true}' | filecheck %s --check-prefix=CONSTANTS
// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},schedule-buffer-depth{constant-depth=3}' | filecheck %s --check-prefix=FEW
// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},schedule-buffer-depth{share=1}' | filecheck %s --check-prefix=SHARE
// RUN: tilefold-opt %s -p 'schedule-buffer-depth' --verify-diagnostics | filecheck %s --check-prefix=NONE
// NONE: the module has no machine; run attach-machine{machine="NAME"} first

// Outside of loops a second slot is of no use. In them the smaller ring comes first: two slots of
// each would take 16 + 2 * 500 + 2 * 2000 bytes, the memory has 4096. Constants are loaded further ahead:
// there are four tiles of 16 bytes, and of those of 300 bytes three take less than half of the 2048
// bytes for weights.
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<9000xu8>
  // CHECK: %once = schedule.buffer "data" {depth = 1 : i64}
  // CHECK-NEXT: %big = schedule.buffer "data" {depth = 1 : i64}
  // CHECK-NEXT: %small = schedule.buffer "data" {depth = 2 : i64}
  // CONSTANTS-COUNT-3: schedule.buffer "data" {depth = 1 : i64}
  // CHECK-NEXT: %filter = schedule.buffer "weights" {depth = 4 : i64}
  // CHECK-NEXT: %wide = schedule.buffer "weights" {depth = 3 : i64}
  // CONSTANTS: %filter = schedule.buffer "weights" {depth = 4 : i64}
  // CONSTANTS-NEXT: %wide = schedule.buffer "weights" {depth = 3 : i64}
  // FEW: %filter = schedule.buffer "weights" {depth = 3 : i64}
  // FEW-NEXT: %wide = schedule.buffer "weights" {depth = 3 : i64}
  // SHARE: %filter = schedule.buffer "weights" {depth = 4 : i64}
  // SHARE-NEXT: %wide = schedule.buffer "weights" {depth = 6 : i64}
  // THREE: %once = schedule.buffer "data" {depth = 1 : i64}
  // THREE-NEXT: %big = schedule.buffer "data" {depth = 1 : i64}
  // THREE-NEXT: %small = schedule.buffer "data" {depth = 3 : i64}
  %once = schedule.buffer "data" {depth = 1} : !schedule.buffer<16xu8>
  %big = schedule.buffer "data" {depth = 1} : !schedule.buffer<2000xu8>
  %small = schedule.buffer "data" {depth = 1} : !schedule.buffer<500xu8>
  %filter = schedule.buffer "weights" {depth = 1} : !schedule.buffer<16xu8>
  %wide = schedule.buffer "weights" {depth = 1} : !schedule.buffer<300xu8>
  schedule.load "load" %x to %once[] {origin = affine_map<() -> (0)>, extents = array<i64: 16>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<9000xu8> to !schedule.buffer<16xu8>
  %w = schedule.tensor {kind = "constant", label = "w", data = "00000000000000000000000000000000"} : !schedule.tensor<64xu8>
  %v = schedule.tensor {kind = "constant", label = "v", data = "00000000000000000000000000000000"} : !schedule.tensor<2400xu8>
  schedule.for %j = 8 {
    schedule.load "wload" %v to %wide[%j] {origin = affine_map<(d0) -> (d0 * 300)>, extents = array<i64: 2400>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<2400xu8> to !schedule.buffer<300xu8>
  }
  schedule.for %i = 4 {
    schedule.load "wload" %w to %filter[%i] {origin = affine_map<(d0) -> (d0 * 16)>, extents = array<i64: 64>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<64xu8> to !schedule.buffer<16xu8>
    schedule.load "load" %x to %big[%i] {origin = affine_map<(d0) -> (d0 * 2000)>, extents = array<i64: 8000>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<9000xu8> to !schedule.buffer<2000xu8>
    schedule.load "load" %x to %small[%i] {origin = affine_map<(d0) -> (d0 * 500)>, extents = array<i64: 2000>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<9000xu8> to !schedule.buffer<500xu8>
    schedule.store "store" %small to %x[%i] {origin = affine_map<(d0) -> (d0 * 500)>, extents = array<i64: 2000>, strides = array<i64: 1>} : !schedule.buffer<500xu8> to !schedule.tensor<9000xu8>
  }
}
