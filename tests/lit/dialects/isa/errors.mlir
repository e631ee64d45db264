// RUN: tilefold-opt %s --verify-diagnostics --split-input-file | filecheck %s

// CHECK: i0 is undefined: 0 loops around the instruction
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.load @load, src=dram[0x0] u8 (i0:3 of 9 by 4, 4 by 1),
    dst=local data[0x0] u8 (3 by 4, 4 by 1), pad=0
}

// -----

// CHECK: i2 is undefined: 1 loop around the instruction
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.loop count=2 {
  isa.load @load, src=dram[0x0] u8 (i2:3 of 9 by 4, 4 by 1),
    dst=local data[0x0] u8 (3 by 4, 4 by 1), pad=0
  }
}

// -----

// CHECK: ring over 1 loop, but 0 loops around the instruction
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.load @load, src=dram[0x0] u8 (3 by 4, 4 by 1),
    dst=local data[0x0 ring 2 x 12 over 1] u8 (3 by 4, 4 by 1), pad=0
}

// -----

// CHECK: i1 is undefined: 0 loops around the instruction
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.configure @conv.0, units=1, chain=1, cols=1, pixels=1, groups=1, mode=0, act_bits=8, wgt_bits=8
  isa.conv @conv.0, src=data[0x0] u8 (5 by 40, 5 by 8, 8 by 1), wgt=data[0x0] i8 (4 by 72, 3 by 24, 3 by 8, 8 by 1),
    par=data[0x0] i32 (4 by 3, 3 by 1), dst=data[0x0] u8 (2 by 12, 3 by 4, 4 by 1), stride_y=2, stride_x=1,
    dil_y=1, dil_x=1, src_zero=0, dst_zero=0, lo=0, hi=255, reduce={1}
}

// -----

// CHECK: dst has 3 by 4 elements, src has 2 by 4
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.load @load, src=dram[0x0] u8 (2 by 4, 4 by 1),
    dst=local data[0x0] u8 (3 by 4, 4 by 1), pad=0
}

// -----

// CHECK: dst has elements u8, src has i4
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.load @load, src=dram[0x0] i4 (3 by 4, 4 by 1),
    dst=local data[0x0] u8 (3 by 4, 4 by 1), pad=0
}

// -----

// CHECK: unknown unit 'wload'; the machine has load, conv.0, conv.1, act
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.sem id=0, credits=0
  isa.wait @wload, sem=0
}

// -----

// CHECK: load needs a unit of kind dma, 'act' is vector
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.load @act, src=dram[0x0] u8 (3 by 4, 4 by 1),
    dst=local data[0x0] u8 (3 by 4, 4 by 1), pad=0
}

// -----

// CHECK: unknown memory 'sram'; the machine has dram, data
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.load @load, src=dram[0x0] u8 (3 by 4, 4 by 1),
    dst=local sram[0x0] u8 (3 by 4, 4 by 1), pad=0
}

// -----

// CHECK: semaphore 1 is not declared
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.wait @load, sem=1
}

// -----

// CHECK: semaphore 0 is declared twice
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.sem id=0, credits=0
  isa.sem id=0, credits=0
}

// -----

// CHECK: semaphore 0: wait by 'act', but 'load' does that already
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.sem id=0, credits=0
  isa.wait @load, sem=0
  isa.wait @act, sem=0
}

// -----

// CHECK: 'sem' after the first instruction
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.load @load, src=dram[0x0] u8 (3 by 4, 4 by 1),
    dst=local data[0x0] u8 (3 by 4, 4 by 1), pad=0
  isa.sem id=0, credits=0
}

// -----

// CHECK: semaphore 0 has no signal
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.sem id=0, credits=0
  isa.wait @load, sem=0
  isa.halt
}

// -----

// CHECK: the program does not end with 'halt'
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.load @load, src=dram[0x0] u8 (3 by 4, 4 by 1),
    dst=local data[0x0] u8 (3 by 4, 4 by 1), pad=0
}

// -----

// CHECK: 'load' after halt
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.halt
  isa.load @load, src=dram[0x0] u8 (3 by 4, 4 by 1),
    dst=local data[0x0] u8 (3 by 4, 4 by 1), pad=0
}

// -----

// CHECK: 'halt' within a loop
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.loop count=1 {
    isa.halt
  }
}

// -----

// CHECK: 3 units from 'conv.0': no 'conv.2'
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.configure @conv.0, units=3, chain=1, cols=1, pixels=1, groups=3, mode=0, act_bits=8, wgt_bits=8
}

// -----

// CHECK: chain * cols * pixels * groups is 1, but units is 2
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.configure @conv.0, units=2, chain=1, cols=1, pixels=1, groups=1, mode=0, act_bits=8, wgt_bits=8
}

// -----

// CHECK: no configure before names 'conv.0'
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.conv @conv.0, src=data[0x0] u8 (5 by 40, 5 by 8, 8 by 1), wgt=data[0x0] i8 (4 by 72, 3 by 24, 3 by 8, 8 by 1),
    par=data[0x0] i32 (4 by 3, 3 by 1), dst=data[0x0] u8 (2 by 12, 3 by 4, 4 by 1), stride_y=2, stride_x=1,
    dil_y=1, dil_x=1, src_zero=0, dst_zero=0, lo=0, hi=255, reduce={}
}

// -----

// CHECK: src has 4 rows, but the windows reach over 5
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.configure @conv.0, units=1, chain=1, cols=1, pixels=1, groups=1, mode=0, act_bits=8, wgt_bits=8
  isa.conv @conv.0, src=data[0x0] u8 (4 by 40, 5 by 8, 8 by 1), wgt=data[0x0] i8 (4 by 72, 3 by 24, 3 by 8, 8 by 1),
    par=data[0x0] i32 (4 by 3, 3 by 1), dst=data[0x0] u8 (2 by 12, 3 by 4, 4 by 1), stride_y=2, stride_x=1,
    dil_y=1, dil_x=1, src_zero=0, dst_zero=0, lo=0, hi=255, reduce={}
}

// -----

// CHECK: src has 9 channels, not 8
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.configure @conv.0, units=1, chain=1, cols=1, pixels=1, groups=1, mode=0, act_bits=8, wgt_bits=8
  isa.conv @conv.0, src=data[0x0] u8 (5 by 40, 5 by 8, 9 by 1), wgt=data[0x0] i8 (4 by 72, 3 by 24, 3 by 8, 8 by 1),
    par=data[0x0] i32 (4 by 3, 3 by 1), dst=data[0x0] u8 (2 by 12, 3 by 4, 4 by 1), stride_y=2, stride_x=1,
    dil_y=1, dil_x=1, src_zero=0, dst_zero=0, lo=0, hi=255, reduce={}
}

// -----

// CHECK: par has 3 rows, not 4
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.configure @conv.0, units=1, chain=1, cols=1, pixels=1, groups=1, mode=0, act_bits=8, wgt_bits=8
  isa.conv @conv.0, src=data[0x0] u8 (5 by 40, 5 by 8, 8 by 1), wgt=data[0x0] i8 (4 by 72, 3 by 24, 3 by 8, 8 by 1),
    par=data[0x0] i32 (3 by 3, 3 by 1), dst=data[0x0] u8 (2 by 12, 3 by 4, 4 by 1), stride_y=2, stride_x=1,
    dil_y=1, dil_x=1, src_zero=0, dst_zero=0, lo=0, hi=255, reduce={}
}

// -----

// CHECK: dst has 5 output channels, not 4
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.configure @conv.0, units=1, chain=1, cols=1, pixels=1, groups=1, mode=0, act_bits=8, wgt_bits=8
  isa.conv @conv.0, src=data[0x0] u8 (5 by 40, 5 by 8, 8 by 1), wgt=data[0x0] i8 (4 by 72, 3 by 24, 3 by 8, 8 by 1),
    par=data[0x0] i32 (4 by 3, 3 by 1), dst=data[0x0] u8 (2 by 12, 3 by 4, 5 by 1), stride_y=2, stride_x=1,
    dil_y=1, dil_x=1, src_zero=0, dst_zero=0, lo=0, hi=255, reduce={}
}

// -----

// CHECK: lo 256 is above hi 255
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.configure @conv.0, units=1, chain=1, cols=1, pixels=1, groups=1, mode=0, act_bits=8, wgt_bits=8
  isa.conv @conv.0, src=data[0x0] u8 (5 by 40, 5 by 8, 8 by 1), wgt=data[0x0] i8 (4 by 72, 3 by 24, 3 by 8, 8 by 1),
    par=data[0x0] i32 (4 by 3, 3 by 1), dst=data[0x0] u8 (2 by 12, 3 by 4, 4 by 1), stride_y=2, stride_x=1,
    dil_y=1, dil_x=1, src_zero=0, dst_zero=0, lo=256, hi=255, reduce={}
}

// -----

// CHECK: lo..hi 0..255 does not fit dst's i8
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.configure @conv.0, units=1, chain=1, cols=1, pixels=1, groups=1, mode=0, act_bits=8, wgt_bits=8
  isa.conv @conv.0, src=data[0x0] u8 (5 by 40, 5 by 8, 8 by 1), wgt=data[0x0] i8 (4 by 72, 3 by 24, 3 by 8, 8 by 1),
    par=data[0x0] i32 (4 by 3, 3 by 1), dst=data[0x0] i8 (2 by 12, 3 by 4, 4 by 1), stride_y=2, stride_x=1,
    dil_y=1, dil_x=1, src_zero=0, dst_zero=0, lo=0, hi=255, reduce={}
}

// -----

// CHECK: dst: rows of u4 must be dense and start at whole bytes
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.configure @conv.0, units=1, chain=1, cols=1, pixels=1, groups=1, mode=0, act_bits=8, wgt_bits=8
  isa.conv @conv.0, src=data[0x0] u8 (5 by 40, 5 by 8, 8 by 1), wgt=data[0x0] i8 (4 by 72, 3 by 24, 3 by 8, 8 by 1),
    par=data[0x0] i32 (4 by 3, 3 by 1), dst=data[0x0] u4 (2 by 12, 3 by 3, 4 by 1), stride_y=2, stride_x=1,
    dil_y=1, dil_x=1, src_zero=0, dst_zero=0, lo=0, hi=15, reduce={}
}

// -----

// CHECK: loops nest at most 6 deep
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.loop count=1 {
    isa.loop count=1 {
      isa.loop count=1 {
        isa.loop count=1 {
          isa.loop count=1 {
            isa.loop count=1 {
              isa.loop count=1 {
              }
            }
          }
        }
      }
    }
  }
}

// -----

// CHECK: builtin.module is no instruction
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  builtin.module {
  }
}

// -----

// CHECK: isa.halt must be in an isa.program or an isa.loop
isa.halt

// -----

// CHECK: unit 'load' is named twice
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["load"]
  memories ["dram", "data"] {
  isa.halt
}
