// RUN: tilefold-opt %s | tilefold-opt | filecheck %s
// RUN: tilefold-opt %s --print-op-generic | tilefold-opt | filecheck %s
// RUN: tilefold-opt %s --print-op-generic | filecheck %s --check-prefix GENERIC

// Every instruction prints as it reads, in both forms.

// CHECK:      isa.program "net" on "tiny" digest "00ff" dma ["load", "store"] arrays ["conv.0", "conv.1"] vectors ["act"] memories ["dram", "data"] {
// CHECK-NEXT:   isa.sem id=0, credits=2
// CHECK-NEXT:   isa.sem id=65535, credits=0
// CHECK-NEXT:   isa.prefetch @conv.0, units=2, chain=2, cols=1, pixels=1, groups=1, mode=0, act_bits=8, wgt_bits=4
// CHECK-NEXT:   isa.configure @conv.0, units=2, chain=2, cols=1, pixels=1, groups=1, mode=0, act_bits=8, wgt_bits=4
// CHECK-NEXT:   isa.loop count=4 attributes {note = "rows"} {
// CHECK-NEXT:     isa.wait @load, sem=0
// CHECK-NEXT:     isa.loop count=2 {
// CHECK-NEXT:       isa.load @load, src=dram[0x1000] u8 (8*i0-1:10 of 30 by 480, -1:32 of 30 by 16, 8*i1:8 of 16 by 1), dst=local data[0x0 ring 2 x 2560 over 2] u8 (10 by 256, 32 by 8, 8 by 1), pad=128
// CHECK-NEXT:     }
// CHECK-NEXT:     isa.signal @load, sem=65535
// CHECK-NEXT:     isa.wait @conv.0, sem=65535
// CHECK-NEXT:     isa.loop count=2 {
// CHECK-NEXT:       isa.conv @conv.0, src=local data[0x0 ring 2 x 2560 over 2] u8 (10 by 256, 32 by 8, 8*i1:8 of 16 by 1), wgt=data[0x4000] i4 (4 by 144, 3 by 48, 3 by 16, 8*i1:8 of 16 by 1), par=data[0x5000] i32 (4 by 3, 3 by 1), dst=local data[0x6000] i32 (8*i0:8 of 30 by 120, 30 by 4, 4 by 1), stride_y=1, stride_x=1, dil_y=1, dil_x=1, src_zero=128, dst_zero=0, lo=-2147483648, hi=2147483647, reduce={1}
// CHECK-NEXT:     }
// CHECK-NEXT:     isa.dwconv @conv.0, src=local data[0x0] u8 (10 by 256, 32 by 8, 8 by 1), wgt=data[0x4000] i8 (16 by 9, 3 by 3, 3 by 1), par=data[0x5000] i32 (16 by 3, 3 by 1), dst=local data[0x7000] u4 (8 by 480, 30 by 16, 16 by 1), mult=2, stride_y=1, stride_x=1, dil_y=1, dil_x=1, src_zero=128, dst_zero=0, lo=0, hi=15, reduce={}
// CHECK-NEXT:     isa.signal @conv.0, sem=0 {note = 1 : i64}
// CHECK-NEXT:     isa.vquant @act, src=local data[0x6000] i32 (8 by 120, 30 by 4, 4 by 1), par=data[0x5000] i32 (4 by 3, 3 by 1), dst=local data[0x8000] i8 (8 by 120, 30 by 4, 4 by 1), src_zero=0, dst_zero=-3, lo=-128, hi=127
// CHECK-NEXT:     isa.vadd @act, a=local data[0x8000] i8 (8 by 120, 120 by 1), b=local data[0x9000] i8 (8 by 120, 120 by 0), dst=local data[0x8000] i8 (8 by 120, 120 by 1), ra=0.1, rb=1.0e-07, fix=-3.5, lo=-128, hi=127
// CHECK-NEXT:     isa.vmul @act, a=local data[0x8000] i8 (8 by 120, 120 by 1), b=local data[0x9000] i8 (8 by 120, 120 by 0), dst=local data[0x8000] i8 (8 by 120, 120 by 1), a_zero=1, b_zero=-2, m=1.0e-07, dst_zero=-3, lo=-128, hi=127
// CHECK-NEXT:     isa.vlut @act, src=local data[0x8000] i8 (960 by 1), table=data[0xa000] i8 (256 by 1), dst=local data[0x8000] i8 (960 by 1)
// CHECK-NEXT:     isa.vpool @act, src=local data[0x8000] i8 (8 by 120, 30 by 4, 4 by 1), dst=local data[0x9000] i8 (4 by 60, 15 by 4, 4 by 1), kind=0, kernel_y=2, kernel_x=2, stride_y=2, stride_x=2, dil_y=1, dil_x=1, src_zero=0, dst_zero=0, src_scale=1.0, dst_scale=1.0, lo=-128, hi=127, include_pad=0
// CHECK-NEXT:     isa.store @store, src=local data[0x9000] i8 (4 by 60, 15 by 4, 4 by 1), dst=dram[0x8000] i8 (4*i0:4 of 15 by 60, 15 by 4, 4 by 1)
// CHECK-NEXT:   }
// CHECK-NEXT:   isa.halt
// CHECK-NEXT: }

// GENERIC: "isa.program"() <{network = "net", machine = "tiny", digest = "00ff", dma = ["load", "store"], arrays = ["conv.0", "conv.1"], vectors = ["act"], memories = ["dram", "data"]}> ({
// GENERIC-NEXT: "isa.sem"() <{id = 0 : ui16, credits = 2 : ui16}> : () -> ()
// GENERIC: "isa.loop"() <{count = 4 : ui32}> ({
// GENERIC: "isa.load"() <{unit = "load", src = #isa.view<dram[0x1000] u8 (8*i0-1:10 of 30 by 480, -1:32 of 30 by 16, 8*i1:8 of 16 by 1)>, dst = #isa.view<local data[0x0 ring 2 x 2560 over 2] u8 (10 by 256, 32 by 8, 8 by 1)>, pad = 128 : si32}> : () -> ()
// GENERIC: reduce = #isa.levels<1>}> : () -> ()

isa.program "net" on "tiny" digest "00ff" dma ["load", "store"] arrays ["conv.0", "conv.1"] vectors ["act"] memories ["dram", "data"] {
  isa.sem id=0, credits=2
  isa.sem id=65535, credits=0
  isa.prefetch @conv.0, units=2, chain=2, cols=1, pixels=1, groups=1, mode=0, act_bits=8, wgt_bits=4
  isa.configure @conv.0, units=2, chain=2, cols=1, pixels=1, groups=1, mode=0, act_bits=8, wgt_bits=4
  isa.loop count=4 attributes {note = "rows"} {
    isa.wait @load, sem=0
    isa.loop count=2 {
      isa.load @load, src=dram[0x1000] u8 (8*i0-1:10 of 30 by 480, -1:32 of 30 by 16, 8*i1:8 of 16 by 1), dst=local data[0x0 ring 2 x 2560 over 2] u8 (10 by 256, 32 by 8, 8 by 1), pad=128
    }
    isa.signal @load, sem=65535
    isa.wait @conv.0, sem=65535
    isa.loop count=2 {
      isa.conv @conv.0, src=local data[0x0 ring 2 x 2560 over 2] u8 (10 by 256, 32 by 8, 8*i1:8 of 16 by 1), wgt=data[0x4000] i4 (4 by 144, 3 by 48, 3 by 16, 8*i1:8 of 16 by 1), par=data[0x5000] i32 (4 by 3, 3 by 1), dst=local data[0x6000] i32 (8*i0:8 of 30 by 120, 30 by 4, 4 by 1), stride_y=1, stride_x=1, dil_y=1, dil_x=1, src_zero=128, dst_zero=0, lo=-2147483648, hi=2147483647, reduce={1}
    }
    isa.dwconv @conv.0, src=local data[0x0] u8 (10 by 256, 32 by 8, 8 by 1), wgt=data[0x4000] i8 (16 by 9, 3 by 3, 3 by 1), par=data[0x5000] i32 (16 by 3, 3 by 1), dst=local data[0x7000] u4 (8 by 480, 30 by 16, 16 by 1), mult=2, stride_y=1, stride_x=1, dil_y=1, dil_x=1, src_zero=128, dst_zero=0, lo=0, hi=15, reduce={}
    isa.signal @conv.0, sem=0 {note = 1 : i64}
    isa.vquant @act, src=local data[0x6000] i32 (8 by 120, 30 by 4, 4 by 1), par=data[0x5000] i32 (4 by 3, 3 by 1), dst=local data[0x8000] i8 (8 by 120, 30 by 4, 4 by 1), src_zero=0, dst_zero=-3, lo=-128, hi=127
    isa.vadd @act, a=local data[0x8000] i8 (8 by 120, 120 by 1), b=local data[0x9000] i8 (8 by 120, 120 by 0), dst=local data[0x8000] i8 (8 by 120, 120 by 1), ra=0.1, rb=1.0e-07, fix=-3.5, lo=-128, hi=127
    isa.vmul @act, a=local data[0x8000] i8 (8 by 120, 120 by 1), b=local data[0x9000] i8 (8 by 120, 120 by 0), dst=local data[0x8000] i8 (8 by 120, 120 by 1), a_zero=1, b_zero=-2, m=1.0e-07, dst_zero=-3, lo=-128, hi=127
    isa.vlut @act, src=local data[0x8000] i8 (960 by 1), table=data[0xa000] i8 (256 by 1), dst=local data[0x8000] i8 (960 by 1)
    isa.vpool @act, src=local data[0x8000] i8 (8 by 120, 30 by 4, 4 by 1), dst=local data[0x9000] i8 (4 by 60, 15 by 4, 4 by 1), kind=0, kernel_y=2, kernel_x=2, stride_y=2, stride_x=2, dil_y=1, dil_x=1, src_zero=0, dst_zero=0, src_scale=1.0, dst_scale=1.0, lo=-128, hi=127, include_pad=0
    isa.store @store, src=local data[0x9000] i8 (4 by 60, 15 by 4, 4 by 1), dst=dram[0x8000] i8 (4*i0:4 of 15 by 60, 15 by 4, 4 by 1)
  }
  isa.halt
}

// What was predicted of layers stands at the program.
// CHECK:      isa.program "net" on "tiny" digest "00ff" dma [] arrays [] vectors [] memories [] attributes {prediction = [#isa.prediction<"stem/conv", compute = 1, memory = 2, vector = 3, reconfiguration = 4, stalls = 5>]} {
// GENERIC: prediction = [#isa.prediction<"stem/conv", compute = 1, memory = 2, vector = 3, reconfiguration = 4, stalls = 5>]
isa.program "net" on "tiny" digest "00ff" dma [] arrays [] vectors [] memories [] attributes {prediction = [#isa.prediction<"stem/conv", compute = 1, memory = 2, vector = 3, reconfiguration = 4, stalls = 5>]} {
  isa.halt
}
