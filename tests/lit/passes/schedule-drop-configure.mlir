// RUN: tilefold-opt %s -p 'schedule-drop-configure' --split-input-file | filecheck %s

// A straight line: the second equal configuration changes nothing. Signals mark the places.
// CHECK-LABEL: schedule.program
// CHECK-NEXT: schedule.configure <@conv, first = 0, units = 2
// CHECK-NEXT: schedule.signal "a"
// CHECK-NEXT: schedule.signal "b"
// CHECK-NEXT: schedule.configure <@conv, first = 0, units = 1
// CHECK-NEXT: schedule.signal "c"
// Taking one unit tears the group of two: it must be made again.
// CHECK-NEXT: schedule.configure <@conv, first = 0, units = 2
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  schedule.configure <@conv, first = 0, units = 2, chain = 2, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  %a = schedule.signal "a"
  schedule.configure <@conv, first = 0, units = 2, chain = 2, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  %b = schedule.signal "b"
  schedule.configure <@conv, first = 0, units = 1, chain = 1, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  %c = schedule.signal "c"
  schedule.configure <@conv, first = 0, units = 2, chain = 2, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  %d = schedule.signal "d"
}

// -----

// Two groups side by side leave one another alone.
// CHECK-LABEL: schedule.program
// CHECK-NEXT: schedule.configure <@conv, first = 0, units = 1
// CHECK-NEXT: schedule.configure <@conv, first = 1, units = 1
// CHECK-NEXT: %a = schedule.signal "a"
// CHECK-NEXT: }
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  schedule.configure <@conv, first = 0, units = 1, chain = 1, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  schedule.configure <@conv, first = 1, units = 1, chain = 1, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  schedule.configure <@conv, first = 0, units = 1, chain = 1, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  %a = schedule.signal "a"
}

// -----

// The state at the loop's head is stable: it is known on entry and the body leaves it.
// CHECK-LABEL: schedule.program
// CHECK-NEXT: schedule.configure <@conv, first = 0, units = 2
// CHECK-NEXT: schedule.for %i = 4 {
// CHECK-NEXT: schedule.for %j = 4 {
// CHECK-NEXT: schedule.signal "a"
// CHECK-NEXT: }
// CHECK-NEXT: }
// CHECK-NEXT: %b = schedule.signal "b"
// CHECK-NEXT: }
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  schedule.configure <@conv, first = 0, units = 2, chain = 2, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  schedule.for %i = 4 {
    schedule.for %j = 4 {
      schedule.configure <@conv, first = 0, units = 2, chain = 2, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
      %a = schedule.signal "a"
    }
  }
  schedule.configure <@conv, first = 0, units = 2, chain = 2, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  %b = schedule.signal "b"
}

// -----

// The body reconfigures: from the second iteration on the first configuration is not there.
// CHECK-LABEL: schedule.program
// CHECK-NEXT: schedule.configure <@conv, first = 0, units = 2
// CHECK-NEXT: schedule.for %i = 4 {
// CHECK-NEXT: schedule.configure <@conv, first = 0, units = 2
// CHECK-NEXT: schedule.signal "a"
// CHECK-NEXT: schedule.configure <@conv, first = 0, units = 1
// CHECK-NEXT: }
// What the last iteration leaves is known after the loop.
// CHECK-NEXT: schedule.signal "b"
// CHECK-NEXT: schedule.configure <@conv, first = 0, units = 2
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  schedule.configure <@conv, first = 0, units = 2, chain = 2, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  schedule.for %i = 4 {
    schedule.configure <@conv, first = 0, units = 2, chain = 2, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
    %a = schedule.signal "a"
    schedule.configure <@conv, first = 0, units = 1, chain = 1, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  }
  schedule.configure <@conv, first = 0, units = 1, chain = 1, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  %b = schedule.signal "b"
  schedule.configure <@conv, first = 0, units = 2, chain = 2, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
}

// -----

// A configuration made only in the loop is not known at its head in the first iteration.
// CHECK-LABEL: schedule.program
// CHECK-NEXT: schedule.for %i = 4 {
// CHECK-NEXT: schedule.configure <@conv, first = 0, units = 2
// CHECK-NEXT: }
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  schedule.for %i = 4 {
    schedule.configure <@conv, first = 0, units = 2, chain = 2, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  }
}
