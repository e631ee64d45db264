// RUN: tilefold-opt %s -p 'nn-cascade{first="a" last="b" stripes=4},choose-fold{groups=true},order-layers' | filecheck %s
// RUN: tilefold-opt %s -p 'nn-cascade{first="a" last="b" stripes=4},choose-fold{groups=true}' | filecheck %s --check-prefix=START
// RUN: tilefold-opt %s -p 'nn-frames{count=2},choose-fold{groups=true}' | filecheck %s --check-prefix=FRAMES

// Consecutive layers as a pipeline of two groups. A switch takes 200 cycles and a fetch 12, so the dense layer
// stays on unit 0 and the depthwise one on unit 1. The first stripe is dense from 212 on, 24 pixels in 25 cycles
// and one more until the last is there, and depthwise from 238 on, 16 pixels in 3 passes and a fill: a stripe every
// 49 cycles, while unit 0 works on other stripes.
// START: first = 0, {{.*}} mode = 0, {{.*}} start = 212 : i64
// START: first = 1, {{.*}} mode = 1, {{.*}} start = 238 : i64
// START: first = 0, {{.*}} mode = 0, {{.*}} start = 262 : i64
// START: first = 1, {{.*}} mode = 1, {{.*}} start = 336 : i64
// START: first = 0, {{.*}} mode = 0, {{.*}} start = 295 : i64
// START: first = 1, {{.*}} mode = 1, {{.*}} start = 385 : i64
// START: first = 0, {{.*}} mode = 0, {{.*}} start = 237 : i64
// START: first = 1, {{.*}} mode = 1, {{.*}} start = 287 : i64

// In program order, therefore:
// CHECK: nn.conv {{.*}} mode = 0,
// CHECK-NEXT: nn.conv {{.*}} mode = 0,
// CHECK-NEXT: nn.conv {{.*}} mode = 1,
// CHECK: nn.concat

// Two images are a pipeline as well: the dense layer of the second runs beside the depthwise one of the first.
// FRAMES: first = 0, {{.*}} mode = 0, {{.*}} start = 212 : i64
// FRAMES: first = 1, {{.*}} mode = 1, {{.*}} start = 278 : i64
// FRAMES: first = 0, {{.*}} mode = 0, {{.*}} start = 277 : i64

!x = tensor<1x4x8x8x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<4x4x1x1x!quant.uniform<i8:f32, 0.25>>
!v = tensor<4x1x3x3x!quant.uniform<i8:f32, 0.25>>

fabric.machine @two {hz = 1000, src = "assumed"} {
  fabric.memory @dram {kind = "dram", bytes = 65536, bytes_per_cycle = 8, burst = 8, latency_cycles = 4, src = "assumed"}
  fabric.memory @sram {bytes = 16384, line = 4, banks = 4, holds = ["I", "W", "O"], src = "assumed"}
  fabric.dma @load {path = [@dram, @sram], bytes_per_cycle = 4, src = "assumed"}
  fabric.dma @store {path = [@sram, @dram], bytes_per_cycle = 4, src = "assumed"}
  fabric.array @conv {count = 2, axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "broadcast", src = "assumed"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 4, src = "assumed"}
    fabric.accumulator @acc {lines = 64, planes = 2, src = "assumed"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "assumed"}
    fabric.mode @depthwise {spatial = {y = ["FY", "FX"], x = ["G"]}, src = "assumed"}
  }
  fabric.vector @act {lanes = 256, paths = [[@acc, @sram], [@sram, @sram]], src = "assumed"}
  fabric.folds @mesh {of = @conv, p = [1, 2], hop_cycles = 0, shadow = false, config_bytes = 64, switch_cycles = 200, src = "assumed"}
}

func.func @main(%x: !x) -> !x {
  %w = nn.constant dense<3> : tensor<4x4x1x1xi8> -> !w
  %v = nn.constant dense<-2> : tensor<4x1x3x3xi8> -> !v
  %p = nn.max_pool %x {kernel = [1, 1], strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1]} : (!x) -> !x loc("p")
  %a = nn.conv %p, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !w) -> !x loc("a")
  %b = nn.conv %a, %v {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 4} : (!x, !v) -> !x loc("b")
  func.return %b : !x
}
