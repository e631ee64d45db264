// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},lower-to-isa' --split-input-file --verify-diagnostics | filecheck %s
// RUN: tilefold-opt %s -p 'lower-to-isa' --split-input-file --verify-diagnostics | filecheck %s --check-prefix=NONE
// NONE: the module has no machine; run attach-machine{machine="NAME"} first

// CHECK: copy: has no address; run schedule-allocate first
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %x = schedule.tensor {kind = "temporary", label = "x", address = 0} : !schedule.tensor<16xu8>
  %t = schedule.buffer "data" {depth = 1} : !schedule.buffer<16xu8> loc("copy")
  schedule.load "load" %x to %t[] {origin = affine_map<() -> (0)>, extents = array<i64: 16>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<16xu8> to !schedule.buffer<16xu8>
}

// -----

// A semaphore has one queue that signals.
// CHECK: second: units load and store share one token chain
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %a = schedule.signal "load" loc("first")
  %b = schedule.for %i = 2 iter(%c = %a) {
    schedule.wait "conv.0", %c
    %d = schedule.signal "store" loc("second")
    schedule.yield %d : !schedule.token
  }
}

// -----

// The newest of the two tokens is awaited: the n-th wait would pair with another signal.
// CHECK: ring: tokens are not handed on oldest first
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %a = schedule.ready
  %b = schedule.ready
  %c, %d = schedule.for %i = 2 iter(%old = %a, %new = %b) {
    schedule.wait "load", %new
    %e = schedule.signal "store"
    schedule.yield %e, %old : !schedule.token, !schedule.token
  } loc("ring")
}
