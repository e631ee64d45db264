// RUN: tilefold-opt %s -p 'nn-frames{count=2 order="pipeline"},choose-fold{stages=true}' | filecheck %s
// RUN: tilefold-opt %s -p 'nn-frames{count=2 order="pipeline"},choose-fold{stages=true},order-layers' --print-debuginfo | filecheck %s --check-prefix=ORDER
// RUN: tilefold-opt %s -p 'choose-fold{stages=true groups=true}' --verify-diagnostics | filecheck %s --check-prefix=BOTH
// RUN: tilefold-opt %s -p 'choose-fold{stages=true switching="free"}' --verify-diagnostics | filecheck %s --check-prefix=FREE
// BOTH: choose-fold: groups and stages do not go together
// FREE: choose-fold: with stages switching must be "charged"

// The example of docs/folds.md. Each layer of 3 x 3 takes 1 + 9 x 25 = 226 cycles and 1 to drain, the one
// of 1 x 1 takes 26 and 1. The longest stage is shortest if @first has one layer of 3 x 3 and @second
// the rest: 227 and 254 cycles. So the second image starts 254 cycles behind the first.
// CHECK: nn.conv %x, %left {{.*}}fold = #fabric.fold<@first, {{.*}}start = 0 : i64
// CHECK: nn.conv %{{.*}}, %right {{.*}}fold = #fabric.fold<@second, {{.*}}start = 227 : i64
// CHECK: nn.conv %{{.*}}, %point {{.*}}fold = #fabric.fold<@second, {{.*}}start = 454 : i64
// CHECK: nn.conv %{{.*}}, %left {{.*}}fold = #fabric.fold<@first, {{.*}}start = 254 : i64
// CHECK: nn.conv %{{.*}}, %right {{.*}}fold = #fabric.fold<@second, {{.*}}start = 481 : i64
// CHECK: nn.conv %{{.*}}, %point {{.*}}fold = #fabric.fold<@second, {{.*}}start = 708 : i64

// ORDER: loc("a"
// ORDER: loc("b"
// ORDER: loc("a@1"
// ORDER: loc("c"
// ORDER: loc("b@1"
// ORDER: loc("c@1"

!x = tensor<1x4x5x5x!quant.uniform<u8:f32, 0.5:3>>
!deep = tensor<4x4x3x3x!quant.uniform<i8:f32, 0.25>>
!point = tensor<4x4x1x1x!quant.uniform<i8:f32, 0.25>>

fabric.machine @stages {hz = 1000, src = "assumed"} {
  fabric.memory @dram {kind = "dram", bytes = 65536, bytes_per_cycle = 8, burst = 8, latency_cycles = 4, src = "assumed"}
  fabric.memory @sram {bytes = 16384, line = 4, banks = 4, holds = ["I", "W", "O"], src = "assumed"}
  fabric.dma @load {path = [@dram, @sram], bytes_per_cycle = 4, src = "assumed"}
  fabric.dma @store {path = [@sram, @dram], bytes_per_cycle = 4, src = "assumed"}
  fabric.array @first {count = 1, axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "broadcast", src = "assumed"} {
    fabric.local @w0 {operand = "W", axis = "y", planes = 2, rows_per_cycle = 4, src = "assumed"}
    fabric.accumulator @acc0 {lines = 64, planes = 2, src = "assumed"}
    fabric.mode @dense0 {spatial = {y = ["C"], x = ["K"]}, src = "assumed"}
  }
  fabric.array @second {count = 1, axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "broadcast", src = "assumed"} {
    fabric.local @w1 {operand = "W", axis = "y", planes = 2, rows_per_cycle = 4, src = "assumed"}
    fabric.accumulator @acc1 {lines = 64, planes = 2, src = "assumed"}
    fabric.mode @dense1 {spatial = {y = ["C"], x = ["K"]}, src = "assumed"}
  }
  fabric.vector @act {lanes = 256, paths = [[@acc0, @sram], [@acc1, @sram], [@sram, @sram]], src = "assumed"}
}

func.func @main(%x: !x {nn.name = "x"}) -> (!x {nn.name = "y"}) {
  %left = nn.constant dense<1> : tensor<4x4x3x3xi8> -> !deep loc("left")
  %right = nn.constant dense<2> : tensor<4x4x3x3xi8> -> !deep loc("right")
  %point = nn.constant dense<1> : tensor<4x4x1x1xi8> -> !point loc("point")
  %a = nn.conv %x, %left {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1} : (!x, !deep) -> !x loc("a")
  %b = nn.conv %a, %right {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1} : (!x, !deep) -> !x loc("b")
  %c = nn.conv %b, %point {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !point) -> !x loc("c")
  func.return %c : !x
}
