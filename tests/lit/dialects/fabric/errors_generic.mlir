// RUN: tilefold-opt %s --verify-diagnostics --split-input-file | filecheck %s

// The verifier repeats the parser's checks on operations in generic form.

// CHECK: fabric.memory @m: must stand in a fabric.machine
"fabric.memory"() <{sym_name = "m"}> {bytes = 4 : i64, line = 4 : i64, holds = ["I"], src = "x"} : () -> ()

// -----

// CHECK: fabric.memory @m: field `bytes` must be an integer from 1 to 4294967296, not 0
"fabric.memory"() <{sym_name = "m"}> {bytes = 0 : i64, line = 4 : i64, holds = ["I"], src = "x"} : () -> ()

// -----

// CHECK: fabric.memory @m: fabric.memory has no field `bites`; did you mean `bytes`?
"fabric.memory"() <{sym_name = "m"}> {bites = 4 : i64, src = "x"} : () -> ()

// -----

// CHECK: fabric.memory @m: field `bytes` is missing
"fabric.memory"() <{sym_name = "m"}> {line = 4 : i64, holds = ["I"], src = "x"} : () -> ()

// -----

// CHECK: fabric.memory @m: takes no body
"fabric.memory"() <{sym_name = "m"}> ({}) {bytes = 4 : i64, line = 4 : i64, holds = ["I"], src = "x"} : () -> ()

// -----

// CHECK: fabric.machine @m: cannot hold builtin.module; its body is made of fabric.memory
"fabric.machine"() <{sym_name = "m"}> ({
  builtin.module {}
}) {hz = 1 : i64, src = "x"} : () -> ()

// -----

// CHECK: fabric.array @a: must have a body `{ ... }` of one block without arguments
"fabric.array"() <{sym_name = "a"}> ({}) {axes = {y = 4 : i64}, precisions = [[8 : i64, 8 : i64, 1 : i64]], feed = "skew", src = "x"} : () -> ()

// -----

// CHECK: fabric.machine @m: needs exactly one memory of kind = "dram", has 0
"fabric.machine"() <{sym_name = "m"}> ({
  "fabric.memory"() <{sym_name = "data"}> {bytes = 4 : i64, line = 4 : i64, holds = ["I", "W", "O"], src = "x"} : () -> ()
}) {hz = 1 : i64, src = "x"} : () -> ()

// -----

// CHECK: fabric.memory @m: field `bytes`: 4.000000e+00 : f32 is no integer, string, name, list or dictionary of them
"fabric.memory"() <{sym_name = "m"}> {bytes = 4.0 : f32, line = 4 : i64, holds = ["I"], src = "x"} : () -> ()
