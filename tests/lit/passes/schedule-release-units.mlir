// RUN: tilefold-opt %s -p 'schedule-release-units' --split-input-file | filecheck %s

// The group of six is divided: its first three units get their next configuration before the others
// are taken from it.
// CHECK-LABEL: schedule.program
// CHECK-NEXT: schedule.configure <@conv, first = 0, units = 6
// CHECK-NEXT: schedule.signal "conv.0"
// CHECK-NEXT: schedule.configure <@conv, first = 0, units = 3
// CHECK-NEXT: schedule.configure <@conv, first = 3, units = 3
// CHECK-NEXT: schedule.signal "conv.3"
// CHECK-NEXT: schedule.signal "conv.0"
// CHECK-NEXT: schedule.configure <@conv, first = 0, units = 6
// CHECK-NEXT: }
schedule.program attributes {sym_name = "main", machine = "dna_a600"} {
  schedule.configure <@conv, first = 0, units = 6, chain = 6, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  %a = schedule.signal "conv.0"
  schedule.configure <@conv, first = 3, units = 3, chain = 3, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  %b = schedule.signal "conv.3"
  schedule.configure <@conv, first = 0, units = 3, chain = 3, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  %c = schedule.signal "conv.0"
  schedule.configure <@conv, first = 0, units = 6, chain = 6, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
}

// -----

// What it is configured to next takes the units that are to be taken: it keeps one until then.
// CHECK-LABEL: schedule.program
// CHECK-NEXT: schedule.configure <@conv, first = 0, units = 6
// CHECK-NEXT: schedule.configure <@conv, first = 0, units = 1, chain = 1, cols = 1, pixels = 1, groups = 1, mode = 2
// CHECK-NEXT: schedule.configure <@conv, first = 3, units = 3
// CHECK-NEXT: schedule.configure <@conv, first = 0, units = 6
// CHECK-NEXT: }
schedule.program attributes {sym_name = "main", machine = "dna_a600"} {
  schedule.configure <@conv, first = 0, units = 6, chain = 1, cols = 1, pixels = 6, groups = 1, mode = 2, act_bits = 8, wgt_bits = 8>
  schedule.configure <@conv, first = 3, units = 3, chain = 3, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  schedule.configure <@conv, first = 0, units = 6, chain = 1, cols = 1, pixels = 6, groups = 1, mode = 2, act_bits = 8, wgt_bits = 8>
}

// -----

// Nor can the next one move where one of its units is used in between, or if there is none.
// CHECK-LABEL: schedule.program
// CHECK-NEXT: schedule.configure <@conv, first = 0, units = 4
// CHECK-NEXT: schedule.configure <@conv, first = 0, units = 1
// CHECK-NEXT: schedule.configure <@conv, first = 2, units = 4
// CHECK-NEXT: schedule.configure <@conv, first = 1, units = 1
// CHECK-NEXT: schedule.configure <@conv, first = 0, units = 2
// CHECK-NEXT: schedule.configure <@conv, first = 2, units = 1
// CHECK-NEXT: schedule.configure <@conv, first = 3, units = 1
// CHECK-NEXT: }
schedule.program attributes {sym_name = "main", machine = "dna_a600"} {
  schedule.configure <@conv, first = 0, units = 4, chain = 2, cols = 1, pixels = 2, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  schedule.configure <@conv, first = 2, units = 4, chain = 2, cols = 1, pixels = 2, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  schedule.configure <@conv, first = 1, units = 1, chain = 1, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  schedule.configure <@conv, first = 0, units = 2, chain = 2, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  schedule.configure <@conv, first = 3, units = 1, chain = 1, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
}

// -----

// A group that loses its first unit is over, and units of no group are free.
// CHECK-LABEL: schedule.program
// CHECK-NEXT: schedule.configure <@conv, first = 2, units = 4
// CHECK-NEXT: schedule.configure <@conv, first = 0, units = 3
// CHECK-NEXT: schedule.configure <@conv, first = 4, units = 2
// CHECK-NEXT: }
schedule.program attributes {sym_name = "main", machine = "dna_a600"} {
  schedule.configure <@conv, first = 2, units = 4, chain = 2, cols = 1, pixels = 2, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  schedule.configure <@conv, first = 0, units = 3, chain = 3, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  schedule.configure <@conv, first = 4, units = 2, chain = 2, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
}
