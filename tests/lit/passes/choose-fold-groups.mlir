// RUN: tilefold-opt %s -p 'choose-fold{groups=true}' | filecheck %s
// RUN: tilefold-opt %s -p 'choose-fold' | filecheck %s --check-prefix=ALONE
// RUN: tilefold-opt %s -p 'choose-fold{groups=true switching="free"}' --verify-diagnostics | filecheck %s --check-prefix=FREE
// FREE: choose-fold: with groups switching must be "charged"
// RUN: tilefold-opt %s -p 'choose-fold{single=2}' | filecheck %s --check-prefix=SECOND
// RUN: tilefold-opt %s -p 'choose-fold{single=3}' | filecheck %s --check-prefix=THIRD
// RUN: tilefold-opt %s -p 'choose-fold{single=4}' --verify-diagnostics | filecheck %s --check-prefix=FOURTH
// RUN: tilefold-opt %s -p 'choose-fold{single=1 groups=true}' --verify-diagnostics | filecheck %s --check-prefix=BOTH
// FOURTH: choose-fold: there is no single configuration 4; 3 are legal for all layers
// BOTH: choose-fold: with a single configuration there are no groups and stages, and switching must be "charged"

// The example of docs/folds.md; layers that read the network's input would load it in turn. One unit takes 1 + 9 x 25 = 226 cycles for a 3 x 3 layer, two that
// share its pixels 1 + 9 x 13 = 118. Side by side the layers start when a configuration of 12 cycles
// is there and switched to, and end at 13 + 226 + 1. The last layer takes 26 cycles on the unit that
// need not be configured, where two would take 14 after a switch of 21.
// CHECK: nn.conv %p, %left {{.*}} fold = #fabric.fold<@conv, first = 0, units = 1, {{.*}}start = 13 : i64
// CHECK: nn.conv %p, %right {{.*}} fold = #fabric.fold<@conv, first = 1, units = 1, {{.*}}start = 13 : i64
// CHECK: nn.conv %{{.*}}, %point {{.*}} fold = #fabric.fold<@conv, first = 0, units = 1, {{.*}}start = 240 : i64
// ALONE-COUNT-3: first = 0, units = 2, chain = 1, cols = 1, pixels = 2,
// ALONE-NOT: start

// As the only configuration a unit takes 12 + 226 + 226 + 26 cycles; a chain of two, which four
// channels do not fill, takes 8 more to be fetched.
// SECOND-COUNT-3: first = 0, units = 1,
// THIRD-COUNT-3: first = 0, units = 2, chain = 2,

!x = tensor<1x4x5x5x!quant.uniform<u8:f32, 0.5:3>>
!deep = tensor<4x4x3x3x!quant.uniform<i8:f32, 0.25>>
!point = tensor<4x4x1x1x!quant.uniform<i8:f32, 0.25>>

fabric.machine @standing {hz = 1000, src = "assumed"} {
  fabric.memory @dram {kind = "dram", bytes = 65536, bytes_per_cycle = 8, burst = 8, latency_cycles = 4, src = "assumed"}
  fabric.memory @sram {bytes = 16384, line = 4, banks = 4, holds = ["I", "W", "O"], src = "assumed"}
  fabric.dma @load {path = [@dram, @sram], bytes_per_cycle = 4, src = "assumed"}
  fabric.dma @store {path = [@sram, @dram], bytes_per_cycle = 4, src = "assumed"}
  fabric.array @conv {count = 2, axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "broadcast", src = "assumed"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 4, src = "assumed"}
    fabric.accumulator @acc {lines = 64, planes = 2, src = "assumed"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "assumed"}
  }
  fabric.vector @act {lanes = 256, paths = [[@acc, @sram], [@sram, @sram]], src = "assumed"}
  fabric.folds @mesh {of = @conv, c = [1, 2], p = [1, 2], hop_cycles = 0, shadow = false, config_bytes = 64, switch_cycles = 1, src = "assumed"}
}

func.func @main(%x: !x) -> !x {
  %left = nn.constant dense<1> : tensor<4x4x3x3xi8> -> !deep
  %right = nn.constant dense<2> : tensor<4x4x3x3xi8> -> !deep
  %point = nn.constant dense<1> : tensor<4x4x1x1xi8> -> !point
  %p = nn.max_pool %x {kernel = [1, 1], strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1]} : (!x) -> !x
  %a = nn.conv %p, %left {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1} : (!x, !deep) -> !x
  %b = nn.conv %p, %right {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1} : (!x, !deep) -> !x
  %s = nn.add %a, %b : (!x, !x) -> !x
  %c = nn.conv %s, %point {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !point) -> !x
  func.return %c : !x
}
