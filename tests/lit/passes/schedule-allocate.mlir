// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},schedule-allocate' --split-input-file --verify-diagnostics | filecheck %s
// RUN: tilefold-opt %s -p 'schedule-allocate' --split-input-file --verify-diagnostics | filecheck %s --check-prefix=NONE
// NONE: the module has no machine; run attach-machine{machine="NAME"} first

// In DRAM a temporary takes the place of one that is no longer read, once the step or nest that
// reads it is over: %b is stored in the nest that still loads %a, %c is not. On chip the buffers of
// one layer lie side by side, the next layer's start from the other end.
// CHECK-LABEL: schedule.program
// CHECK: %x = schedule.tensor {{.*}}address = 0 : i64}
// CHECK: %y = schedule.tensor {{.*}}address = 128 : i64}
// CHECK: %a = schedule.tensor {{.*}}address = 256 : i64}
// CHECK: %b = schedule.tensor {{.*}}address = 384 : i64}
// CHECK: %c = schedule.tensor {{.*}}address = 256 : i64}
// CHECK: %p = schedule.buffer "data" {depth = 2 : i64, address = 0 : i64}
// CHECK: %q = schedule.buffer "data" {depth = 1 : i64, address = 152 : i64}
// CHECK: %r = schedule.buffer "data" {depth = 1 : i64, address = 4020 : i64}
// CHECK: %s = schedule.buffer "data" {depth = 1 : i64, address = 0 : i64}
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %x = schedule.tensor {kind = "input", label = "x", logical = tensor<1x75x!quant.uniform<u8:f32, 0.5>>} : !schedule.tensor<1x1x75xu8>
  %y = schedule.tensor {kind = "output", label = "y", logical = tensor<1x75x!quant.uniform<u8:f32, 0.5>>} : !schedule.tensor<1x1x75xu8>
  %a = schedule.tensor {kind = "temporary", label = "a"} : !schedule.tensor<125xu8>
  %b = schedule.tensor {kind = "temporary", label = "b"} : !schedule.tensor<125xu8>
  %c = schedule.tensor {kind = "temporary", label = "c"} : !schedule.tensor<75xu8>
  %p = schedule.buffer "data" {depth = 2} : !schedule.buffer<75xu8> loc("one")
  %q = schedule.buffer "data" {depth = 1} : !schedule.buffer<75xu8> loc("one")
  schedule.load "load" %x to %p[] {origin = affine_map<() -> (0)>, extents = array<i64: 75>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<1x1x75xu8> to !schedule.buffer<75xu8>
  schedule.store "store" %p to %a[] {origin = affine_map<() -> (0)>, extents = array<i64: 75>, strides = array<i64: 1>} : !schedule.buffer<75xu8> to !schedule.tensor<125xu8>
  schedule.for %i = 2 {
    schedule.load "load" %a to %q[%i] {origin = affine_map<(d0) -> (d0 * 75)>, extents = array<i64: 125>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<125xu8> to !schedule.buffer<75xu8>
    schedule.store "store" %q to %b[%i] {origin = affine_map<(d0) -> (d0 * 75)>, extents = array<i64: 125>, strides = array<i64: 1>} : !schedule.buffer<75xu8> to !schedule.tensor<125xu8>
  }
  %r = schedule.buffer "data" {depth = 1} : !schedule.buffer<75xu8> loc("two")
  schedule.load "load" %b to %r[] {origin = affine_map<() -> (0)>, extents = array<i64: 75>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<125xu8> to !schedule.buffer<75xu8>
  schedule.store "store" %r to %c[] {origin = affine_map<() -> (0)>, extents = array<i64: 75>, strides = array<i64: 1>} : !schedule.buffer<75xu8> to !schedule.tensor<75xu8>
  %s = schedule.buffer "data" {depth = 1} : !schedule.buffer<75xu8> loc("three")
  schedule.load "load" %c to %s[] {origin = affine_map<() -> (0)>, extents = array<i64: 75>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<75xu8> to !schedule.buffer<75xu8>
  schedule.store "store" %s to %y[] {origin = affine_map<() -> (0)>, extents = array<i64: 75>, strides = array<i64: 1>} : !schedule.buffer<75xu8> to !schedule.tensor<1x1x75xu8>
}

// -----

// CHECK: big: its buffers take 4400 bytes of memory @data, which has 4096; choose smaller tiles
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<2200xu8>
  %p = schedule.buffer "data" {depth = 1} : !schedule.buffer<2200xu8> loc("big")
  %q = schedule.buffer "data" {depth = 1} : !schedule.buffer<2200xu8> loc("big")
  schedule.load "load" %x to %p[] {origin = affine_map<() -> (0)>, extents = array<i64: 75>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<2200xu8> to !schedule.buffer<2200xu8>
  schedule.load "load" %x to %q[] {origin = affine_map<() -> (0)>, extents = array<i64: 75>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<2200xu8> to !schedule.buffer<2200xu8>
}

// -----

// CHECK: the network takes 20000000 bytes of DRAM, machine tiny has 16777216
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<20000000xu8>
}

// -----

// The memory of weights is filled in a circle: after the last byte comes the first one.
// CHECK-LABEL: schedule.program
// CHECK: %p = schedule.buffer "weights" {depth = 1 : i64, address = 0 : i64}
// CHECK: %q = schedule.buffer "weights" {depth = 1 : i64, address = 800 : i64}
// CHECK: %r = schedule.buffer "weights" {depth = 1 : i64, address = 1000 : i64}
// CHECK: %s = schedule.buffer "weights" {depth = 1 : i64, address = 0 : i64}
// CHECK: %t = schedule.buffer "weights" {depth = 1 : i64, address = 800 : i64}
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<800xu8>
  %y = schedule.tensor {kind = "temporary", label = "y"} : !schedule.tensor<800xu8>
  %p = schedule.buffer "weights" {depth = 1} : !schedule.buffer<800xu8> loc("one")
  %done = schedule.buffer "data" {depth = 1} : !schedule.buffer<16xu8> loc("one")
  schedule.load "wload" %x to %p[] {origin = affine_map<() -> (0)>, extents = array<i64: 800>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<800xu8> to !schedule.buffer<800xu8>
  schedule.load "load" %x to %done[] {origin = affine_map<() -> (0)>, extents = array<i64: 16>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<800xu8> to !schedule.buffer<16xu8>
  schedule.store "store" %done to %y[] {origin = affine_map<() -> (0)>, extents = array<i64: 16>, strides = array<i64: 1>} : !schedule.buffer<16xu8> to !schedule.tensor<800xu8>
  %q = schedule.buffer "weights" {depth = 1} : !schedule.buffer<198xu8> loc("two")
  %r = schedule.buffer "weights" {depth = 1} : !schedule.buffer<800xu8> loc("two")
  %dtwo = schedule.buffer "data" {depth = 1} : !schedule.buffer<16xu8> loc("two")
  schedule.load "wload" %x to %q[] {origin = affine_map<() -> (0)>, extents = array<i64: 198>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<800xu8> to !schedule.buffer<198xu8>
  schedule.load "wload" %x to %r[] {origin = affine_map<() -> (0)>, extents = array<i64: 800>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<800xu8> to !schedule.buffer<800xu8>
  schedule.load "load" %x to %dtwo[] {origin = affine_map<() -> (0)>, extents = array<i64: 16>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<800xu8> to !schedule.buffer<16xu8>
  schedule.store "store" %dtwo to %y[] {origin = affine_map<() -> (0)>, extents = array<i64: 16>, strides = array<i64: 1>} : !schedule.buffer<16xu8> to !schedule.tensor<800xu8>
  %s = schedule.buffer "weights" {depth = 1} : !schedule.buffer<800xu8> loc("three")
  %dthree = schedule.buffer "data" {depth = 1} : !schedule.buffer<16xu8> loc("three")
  schedule.load "wload" %x to %s[] {origin = affine_map<() -> (0)>, extents = array<i64: 800>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<800xu8> to !schedule.buffer<800xu8>
  schedule.load "load" %x to %dthree[] {origin = affine_map<() -> (0)>, extents = array<i64: 16>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<800xu8> to !schedule.buffer<16xu8>
  schedule.store "store" %dthree to %y[] {origin = affine_map<() -> (0)>, extents = array<i64: 16>, strides = array<i64: 1>} : !schedule.buffer<16xu8> to !schedule.tensor<800xu8>
  %t = schedule.buffer "weights" {depth = 1} : !schedule.buffer<800xu8> loc("four")
  %dfour = schedule.buffer "data" {depth = 1} : !schedule.buffer<16xu8> loc("four")
  schedule.load "wload" %x to %t[] {origin = affine_map<() -> (0)>, extents = array<i64: 800>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<800xu8> to !schedule.buffer<800xu8>
  schedule.load "load" %x to %dfour[] {origin = affine_map<() -> (0)>, extents = array<i64: 16>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<800xu8> to !schedule.buffer<16xu8>
  schedule.store "store" %dfour to %y[] {origin = affine_map<() -> (0)>, extents = array<i64: 16>, strides = array<i64: 1>} : !schedule.buffer<16xu8> to !schedule.tensor<800xu8>
}

// -----

// Buffers lie above the tensors on chip that are needed at the same time: the first layer makes %k, the
// second one reads it, the third one has the memory for itself. A layer ends where it writes a window,
// too. Tensors on chip take no place in DRAM.
// CHECK-LABEL: schedule.program
// CHECK: %k = schedule.tensor {{.*}}memory = "data", address = 100 : i64}
// CHECK: %x = schedule.tensor {{.*}}address = 0 : i64}
// CHECK: %p = schedule.buffer "data" {depth = 1 : i64, address = 204 : i64}
// CHECK: %q = schedule.buffer "data" {depth = 1 : i64, address = 3996 : i64}
// CHECK: %r = schedule.buffer "data" {depth = 1 : i64, address = 0 : i64}
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %k = schedule.tensor {kind = "temporary", label = "k", memory = "data", address = 100} : !schedule.tensor<101xu8>
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<101xu8>
  %p = schedule.buffer "data" {depth = 1} : !schedule.buffer<101xu8> loc("one")
  schedule.load "load" %x to %p[] {origin = affine_map<() -> (0)>, extents = array<i64: 101>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<101xu8> to !schedule.buffer<101xu8>
  %a = schedule.window %k[] {origin = affine_map<() -> (0)>, extents = array<i64: 101>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<101xu8> to !schedule.buffer<101xu8>
  schedule.add "act" %a = %p, %p[] {origin = affine_map<() -> (0)>, extents = array<i64: 101>, ra = 0.5 : f32, rb = 0.25 : f32, fix = 0.0 : f32, lo = 0, hi = 9} : !schedule.buffer<101xu8> = !schedule.buffer<101xu8>, !schedule.buffer<101xu8>
  %q = schedule.buffer "data" {depth = 1} : !schedule.buffer<100xu8> loc("two")
  %b = schedule.window %k[] {origin = affine_map<() -> (0)>, extents = array<i64: 101>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<101xu8> to !schedule.buffer<100xu8>
  schedule.add "act" %q = %b, %b[] {origin = affine_map<() -> (0)>, extents = array<i64: 100>, ra = 0.5 : f32, rb = 0.25 : f32, fix = 0.0 : f32, lo = 0, hi = 9} : !schedule.buffer<100xu8> = !schedule.buffer<100xu8>, !schedule.buffer<100xu8>
  schedule.store "store" %q to %x[] {origin = affine_map<() -> (0)>, extents = array<i64: 100>, strides = array<i64: 1>} : !schedule.buffer<100xu8> to !schedule.tensor<101xu8>
  %r = schedule.buffer "data" {depth = 1} : !schedule.buffer<100xu8> loc("three")
  schedule.load "load" %x to %r[] {origin = affine_map<() -> (0)>, extents = array<i64: 100>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<101xu8> to !schedule.buffer<100xu8>
  schedule.store "store" %r to %x[] {origin = affine_map<() -> (0)>, extents = array<i64: 100>, strides = array<i64: 1>} : !schedule.buffer<100xu8> to !schedule.tensor<101xu8>
}

// -----

// The result of a step lies beside what the step reads in place, even if nothing else reads that later.
// CHECK-LABEL: schedule.program
// CHECK: %p = schedule.buffer "data" {depth = 1 : i64, address = 100 : i64}
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %k = schedule.tensor {kind = "temporary", label = "k", memory = "data", address = 0} : !schedule.tensor<100xu8>
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<100xu8>
  %p = schedule.buffer "data" {depth = 1} : !schedule.buffer<100xu8> loc("one")
  %a = schedule.window %k[] {origin = affine_map<() -> (0)>, extents = array<i64: 100>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<100xu8> to !schedule.buffer<100xu8>
  schedule.add "act" %p = %a, %a[] {origin = affine_map<() -> (0)>, extents = array<i64: 100>, ra = 0.5 : f32, rb = 0.25 : f32, fix = 0.0 : f32, lo = 0, hi = 9} : !schedule.buffer<100xu8> = !schedule.buffer<100xu8>, !schedule.buffer<100xu8>
  schedule.store "store" %p to %x[] {origin = affine_map<() -> (0)>, extents = array<i64: 100>, strides = array<i64: 1>} : !schedule.buffer<100xu8> to !schedule.tensor<100xu8>
}

// -----

// CHECK: one: its buffers take 2000 bytes of memory @data, which has 1996; choose smaller tiles
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %k = schedule.tensor {kind = "temporary", label = "k", memory = "data", address = 100} : !schedule.tensor<2000xu8>
  %x = schedule.tensor {kind = "temporary", label = "x"} : !schedule.tensor<2000xu8>
  %p = schedule.buffer "data" {depth = 1} : !schedule.buffer<2000xu8> loc("one")
  schedule.load "load" %x to %p[] {origin = affine_map<() -> (0)>, extents = array<i64: 2000>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<2000xu8> to !schedule.buffer<2000xu8>
  %a = schedule.window %k[] {origin = affine_map<() -> (0)>, extents = array<i64: 2000>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<2000xu8> to !schedule.buffer<2000xu8>
  schedule.add "act" %a = %p, %p[] {origin = affine_map<() -> (0)>, extents = array<i64: 2000>, ra = 0.5 : f32, rb = 0.25 : f32, fix = 0.0 : f32, lo = 0, hi = 9} : !schedule.buffer<2000xu8> = !schedule.buffer<2000xu8>, !schedule.buffer<2000xu8>
}

// -----

// CHECK: layer: a tensor on chip has no address
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %k = schedule.tensor {kind = "temporary", label = "k", memory = "data"} : !schedule.tensor<16xu8> loc("layer")
}
