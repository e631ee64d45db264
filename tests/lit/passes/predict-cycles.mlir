// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},predict-cycles' --split-input-file --verify-diagnostics | filecheck %s

// Four tiles are loaded in 16 cycles each, are there 4 cycles later, and are looked up in 16. With
// two slots a tile is loaded while the one before is looked up. A slot goes round in 16 + 4 + 16
// cycles: two rounds and a look-up are 88.
// CHECK: isa.program {{.*}} attributes {prediction = [#isa.prediction<"table", compute = 0, memory = 32, vector = 48, reconfiguration = 0, stalls = 8>]}
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays [] vectors ["act"] memories ["dram", "data", "weights"] {
  isa.sem id=0, credits=0
  isa.sem id=1, credits=2
  isa.loop count=4 {
    isa.wait @load, sem=1
    isa.load @load, src=dram[0x0] u8 (64 by 1), dst=local data[0x0 ring 2 x 64 over 1] u8 (64 by 1), pad=0
    isa.signal @load, sem=0
    isa.wait @act, sem=0
    isa.vlut @act, src=local data[0x0 ring 2 x 64 over 1] u8 (64 by 1), table=local weights[0x0] u8 (256 by 1), dst=local data[0x100] u8 (64 by 1)
    isa.signal @act, sem=1
  } loc("table")
  isa.halt
}

// -----

// A convolution of 4 x 4 pixels on one unit: 2 cycles to switch, after a latency of 4 and 2 cycles
// to fetch 16 bytes, which nothing did ahead; weights are filled in 4 cycles and 16 pixels stream.
// The last sum lands 6 cycles later, and drains in 16.
// CHECK: isa.program {{.*}} attributes {prediction = [#isa.prediction<"conv", compute = 20, memory = 0, vector = 0, reconfiguration = 8, stalls = 22>]}
isa.program "net" on "tiny" digest "00ff" dma [] arrays ["conv.0"] vectors ["act"] memories ["dram", "data", "weights"] {
  isa.configure @conv.0, units=1, chain=1, cols=1, pixels=1, groups=1, mode=0, act_bits=8, wgt_bits=8 loc("conv")
  isa.conv @conv.0, src=local data[0x0] u8 (4 by 16, 4 by 4, 4 by 1), wgt=local weights[0x30] i8 (4 by 4, 1 by 4, 1 by 4, 4 by 1), par=local weights[0x0] i32 (4 by 3, 3 by 1), dst=local data[0x100] u8 (4 by 16, 4 by 4, 4 by 1), stride_y=1, stride_x=1, dil_y=1, dil_x=1, src_zero=0, dst_zero=0, lo=0, hi=255, reduce={} loc("conv")
  isa.halt
}

// -----

// CHECK: late: @act waits for a signal after it
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays [] vectors ["act"] memories ["dram", "data"] {
  isa.sem id=0, credits=0
  isa.wait @act, sem=0 loc("late")
  isa.signal @load, sem=0
  isa.halt
}
