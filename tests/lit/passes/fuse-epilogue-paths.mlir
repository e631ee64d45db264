// RUN: tilefold-opt %s -p 'fuse-epilogue' | filecheck %s

// A machine whose vector unit does not read the memory of outputs runs no epilogues.
!x = tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<4x4x!quant.uniform<i8:f32, 0.25>>

fabric.machine @split {hz = 1000, src = "assumed"} {
  fabric.memory @dram {kind = "dram", bytes = 4096, bytes_per_cycle = 8, burst = 8, latency_cycles = 4, src = "assumed"}
  fabric.memory @in {bytes = 512, line = 4, banks = 4, holds = ["I", "W"], src = "assumed"}
  fabric.memory @out {bytes = 512, line = 4, banks = 4, holds = ["O"], src = "assumed"}
  fabric.dma @load {path = [@dram, @in], bytes_per_cycle = 4, src = "assumed"}
  fabric.dma @store {path = [@out, @dram], bytes_per_cycle = 4, src = "assumed"}
  fabric.array @conv {count = 1, axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "assumed"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "assumed"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "assumed"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "assumed"}
  }
  fabric.vector @act {lanes = 4, paths = [[@acc, @out], [@in, @out]], src = "assumed"}
}
// CHECK: nn.add %a, %x :
func.func @main(%x: !x, %w: !w) -> !x {
  %a = nn.matmul %x, %w : (!x, !w) -> !x
  %b = nn.add %a, %x : (!x, !x) -> !x
  func.return %b : !x
}
