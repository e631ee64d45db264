// RUN: tilefold-opt %s | tilefold-opt | filecheck %s
// RUN: tilefold-opt %s --print-op-generic | tilefold-opt | filecheck %s
// RUN: tilefold-opt %s --print-op-generic | filecheck %s --check-prefix GENERIC

// A machine prints as it reads; fields at their default (here `count`, `banks`) are left out.

// CHECK:      fabric.machine @example {hz = 100000000, src = "assumed"} {
// CHECK-NEXT:   fabric.memory @dram {kind = "dram", bytes = 65536, bytes_per_cycle = 8, burst = 8, latency_cycles = 4, src = "assumed"}
// CHECK-NEXT:   fabric.memory @sram {bytes = 4096, line = 4, holds = ["I", "W", "O"], src = "a \"quoted\" source"}
// CHECK-NEXT:   fabric.dma @load {path = [@dram, @sram], bytes_per_cycle = 4, src = "assumed"}
// CHECK-NEXT:   fabric.dma @store {path = [@sram, @dram], bytes_per_cycle = 4, src = "assumed"}
// CHECK-NEXT:   fabric.array @conv {count = 2, axes = {y = 4, x = 8}, precisions = {{\[\[}}8, 8, 1], [4, 4, 4]], feed = "broadcast", src = "assumed"} {
// CHECK-NEXT:     fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "assumed"}
// CHECK-NEXT:     fabric.accumulator @acc {lines = 16, planes = 2, src = "assumed"}
// CHECK-NEXT:     fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "assumed"}
// CHECK-NEXT:   }
// CHECK-NEXT:   fabric.vector @act {lanes = 4, paths = {{\[\[}}@acc, @sram], [@sram, @sram]], src = "assumed"}
// CHECK-NEXT:   fabric.folds @mesh {of = @conv, p = [1, 2], hop_cycles = 1, shadow = false, config_bytes = 16, switch_cycles = 2, src = "assumed"}
// CHECK-NEXT: }

// GENERIC: "fabric.machine"() <{sym_name = "example"}> ({
// GENERIC: "fabric.array"() <{sym_name = "conv"}> ({
// GENERIC: }) {count = 2 : i64, axes = {y = 4 : i64, x = 8 : i64}

fabric.machine @example {src = "assumed", hz = 100000000} {
  fabric.memory @dram {kind = "dram", bytes = 65536, bytes_per_cycle = 8, burst = 8, latency_cycles = 4, src = "assumed"}
  fabric.memory @sram {bytes = 4096, line = 4, banks = 1, holds = ["I", "W", "O"], src = "a \"quoted\" source"}
  fabric.dma @load {path = [@dram, @sram], count = 1, bytes_per_cycle = 4, src = "assumed"}
  fabric.dma @store {path = [@sram, @dram], bytes_per_cycle = 4, src = "assumed"}
  fabric.array @conv {count = 2, axes = {y = 4, x = 8}, precisions = [[8, 8, 1], [4, 4, 4]], feed = "broadcast", src = "assumed"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "assumed"}
    fabric.accumulator @acc {lines = 16, bits = 32, planes = 2, src = "assumed"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, stays = "W", src = "assumed"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @sram], [@sram, @sram]], src = "assumed"}
  fabric.folds @mesh {of = @conv, c = [1], p = [1, 2], hop_cycles = 1, shadow = false, config_bytes = 16, switch_cycles = 2, src = "assumed"}
}
