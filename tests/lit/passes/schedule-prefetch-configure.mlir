// RUN: tilefold-opt %s -p 'attach-machine{machine="dna_a600"},schedule-prefetch-configure' --split-input-file | filecheck %s
// RUN: tilefold-opt %s -p 'attach-machine{machine="tpu_like"},schedule-prefetch-configure' --split-input-file --verify-diagnostics | filecheck %s --check-prefix=BARE
// RUN: tilefold-opt %s -p 'schedule-prefetch-configure' --split-input-file --verify-diagnostics | filecheck %s --check-prefix=NONE
// NONE: the module has no machine; run attach-machine{machine="NAME"} first
// BARE: the program is for machine dna_a600, not tpu_like

// The next configuration goes into the shadow registers right after they are free, and belongs to
// the layer that it is for. The first of all there is nothing to hide behind.
// CHECK-LABEL: schedule.program
// CHECK-NEXT: schedule.configure <@conv, first = 0, units = 6, chain = 6
// CHECK-NEXT: schedule.prefetch <@conv, first = 0, units = 6, chain = 1, cols = 1, pixels = 6
// CHECK-NEXT: schedule.signal "conv.0"
// CHECK-NEXT: schedule.configure <@conv, first = 0, units = 6, chain = 1, cols = 1, pixels = 6
// CHECK-NEXT: schedule.prefetch <@conv, first = 0, units = 6, chain = 2
// CHECK-NEXT: schedule.signal "conv.0"
// CHECK-NEXT: schedule.configure <@conv, first = 0, units = 6, chain = 2
// CHECK-NEXT: }
schedule.program attributes {sym_name = "main", machine = "dna_a600"} {
  schedule.configure <@conv, first = 0, units = 6, chain = 6, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  %a = schedule.signal "conv.0"
  schedule.configure <@conv, first = 0, units = 6, chain = 1, cols = 1, pixels = 6, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  %b = schedule.signal "conv.0"
  schedule.configure <@conv, first = 0, units = 6, chain = 2, cols = 1, pixels = 3, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
}

// -----

// Other queues have shadow registers of their own.
// CHECK-LABEL: schedule.program
// CHECK-NEXT: schedule.configure <@conv, first = 0, units = 1
// CHECK-NEXT: schedule.configure <@conv, first = 1, units = 1
// CHECK-NEXT: }
schedule.program attributes {sym_name = "main", machine = "dna_a600"} {
  schedule.configure <@conv, first = 0, units = 1, chain = 1, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  schedule.configure <@conv, first = 1, units = 1, chain = 1, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
}

// -----

// Both halves of a group are fetched while it works; whole again, it would need the shadow registers
// of units whose own configuration may still be in them.
// CHECK-LABEL: schedule.program
// CHECK-NEXT: schedule.configure <@conv, first = 0, units = 6
// CHECK-NEXT: schedule.prefetch <@conv, first = 3, units = 3
// CHECK-NEXT: schedule.prefetch <@conv, first = 0, units = 3
// CHECK-NEXT: schedule.signal "conv.0"
// CHECK-NEXT: schedule.configure <@conv, first = 0, units = 3
// CHECK-NEXT: schedule.configure <@conv, first = 3, units = 3
// CHECK-NEXT: schedule.configure <@conv, first = 0, units = 6
// CHECK-NEXT: }
schedule.program attributes {sym_name = "main", machine = "dna_a600"} {
  schedule.configure <@conv, first = 0, units = 6, chain = 6, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  %a = schedule.signal "conv.0"
  schedule.configure <@conv, first = 0, units = 3, chain = 3, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  schedule.configure <@conv, first = 3, units = 3, chain = 3, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  schedule.configure <@conv, first = 0, units = 6, chain = 6, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
}

// -----

// A group that grows by units whose last configuration was over before its own began.
// CHECK-LABEL: schedule.program
// CHECK-NEXT: schedule.configure <@conv, first = 0, units = 6
// CHECK-NEXT: schedule.prefetch <@conv, first = 0, units = 3
// CHECK-NEXT: schedule.configure <@conv, first = 0, units = 3
// CHECK-NEXT: schedule.prefetch <@conv, first = 0, units = 6
// CHECK-NEXT: schedule.configure <@conv, first = 0, units = 6
// CHECK-NEXT: }
schedule.program attributes {sym_name = "main", machine = "dna_a600"} {
  schedule.configure <@conv, first = 0, units = 6, chain = 6, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  schedule.configure <@conv, first = 0, units = 3, chain = 3, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  schedule.configure <@conv, first = 0, units = 6, chain = 6, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
}
