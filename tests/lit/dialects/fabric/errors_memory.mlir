// RUN: tilefold-opt %s --parsing-diagnostics --split-input-file | filecheck %s

// CHECK: fabric.memory has no field `bnaks`; did you mean `banks`?
fabric.machine @m {hz = 1, src = "x"} {
  fabric.memory @data {bytes = 64, bnaks = 4, line = 4, holds = ["I"], src = "x"}
}

// -----

// CHECK: fabric.memory has no field `colour`; it has kind, bytes, bytes_per_cycle, burst
fabric.machine @m {hz = 1, src = "x"} {
  fabric.memory @data {bytes = 64, colour = "red", src = "x"}
}

// -----

// CHECK: fabric.memory @data: field `bytes` is missing: capacity
fabric.machine @m {hz = 1, src = "x"} {
  fabric.memory @data {line = 4, holds = ["I"], src = "x"}
}

// -----

// CHECK: fabric.memory @data: field `src` is missing: where the numbers come from
fabric.machine @m {hz = 1, src = "x"} {
  fabric.memory @data {bytes = 64, line = 4, holds = ["I"]}
}

// -----

// CHECK: field `bytes` must be an integer from 1 to 4294967296, not "64"
fabric.machine @m {hz = 1, src = "x"} {
  fabric.memory @data {bytes = "64", src = "x"}
}

// -----

// CHECK: field `bytes` must be an integer from 1 to 4294967296, not true
fabric.machine @m {hz = 1, src = "x"} {
  fabric.memory @data {bytes = true, src = "x"}
}

// -----

// CHECK: field `bytes` must be an integer from 1 to 4294967296, not 0
fabric.machine @m {hz = 1, src = "x"} {
  fabric.memory @data {bytes = 0, src = "x"}
}

// -----

// CHECK: field `bytes`: 1.5
fabric.machine @m {hz = 1, src = "x"} {
  fabric.memory @data {bytes = 1.5, src = "x"}
}

// -----

// CHECK: field `bytes` is given twice
fabric.machine @m {hz = 1, src = "x"} {
  fabric.memory @data {bytes = 64, bytes = 64, src = "x"}
}

// -----

// CHECK: field `holds` must be a list of 1 to 64 different items, each "I" or "W" or "O", not ["I", "I"]
fabric.machine @m {hz = 1, src = "x"} {
  fabric.memory @data {bytes = 64, line = 4, holds = ["I", "I"], src = "x"}
}

// -----

// CHECK: field `src` must be a string that is not empty, not " "
fabric.machine @m {hz = 1, src = "x"} {
  fabric.memory @data {bytes = 64, line = 4, holds = ["I"], src = " "}
}

// -----

// CHECK: fabric.memory @data: DRAM needs the field `bytes_per_cycle`
fabric.machine @m {hz = 1, src = "x"} {
  fabric.memory @data {kind = "dram", bytes = 64, src = "x"}
}

// -----

// CHECK: fabric.memory @data: SRAM needs the field `holds`
fabric.machine @m {hz = 1, src = "x"} {
  fabric.memory @data {bytes = 64, line = 4, src = "x"}
}

// -----

// CHECK: fabric.memory @data: SRAM has no field `burst`
fabric.machine @m {hz = 1, src = "x"} {
  fabric.memory @data {bytes = 64, line = 4, holds = ["I"], burst = 8, src = "x"}
}

// -----

// CHECK: fabric.memory @data: DRAM has no field `banks`
fabric.machine @m {hz = 1, src = "x"} {
  fabric.memory @data {kind = "dram", bytes = 64, bytes_per_cycle = 8, banks = 2, src = "x"}
}

// -----

// CHECK: fabric.memory @data: `bytes` must be a multiple of banks x line
fabric.machine @m {hz = 1, src = "x"} {
  fabric.memory @data {bytes = 64, line = 7, holds = ["I"], src = "x"}
}
