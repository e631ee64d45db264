// RUN: tilefold-opt %s --parsing-diagnostics --split-input-file | filecheck %s

// CHECK: count 0 is out of range: 1 to 4294967295
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.loop count=0 {
  }
}

// -----

// CHECK: stride 2147483648 is out of range
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.load @load, src=dram[0x0] u8 (3 by 2147483648, 4 by 1),
    dst=local data[0x0] u8 (3 by 4, 4 by 1), pad=0
}

// -----

// CHECK: unknown type 'u7'; there are u2, i2, u4, i4, u8, i8, i32
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.load @load, src=dram[0x0] u7 (3 by 4, 4 by 1),
    dst=local data[0x0] u8 (3 by 4, 4 by 1), pad=0
}

// -----

// CHECK: extent 0 is out of range
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.load @load, src=dram[0x0] u8 (3 of 0 by 4, 4 by 1),
    dst=local data[0x0] u8 (3 by 4, 4 by 1), pad=0
}

// -----

// CHECK: expected ':' after an origin
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.load @load, src=dram[0x0] u8 (2*i0+1 of 3 by 4, 4 by 1),
    dst=local data[0x0] u8 (3 by 4, 4 by 1), pad=0
}

// -----

// CHECK: i0 after i1: the terms' levels must ascend
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.load @load, src=dram[0x0] u8 (i1+i0:3 by 4, 4 by 1),
    dst=local data[0x0] u8 (3 by 4, 4 by 1), pad=0
}

// -----

// CHECK: Expected 'by'
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.load @load, src=dram[0x0] u8 (3 of 4, 4 by 1),
    dst=local data[0x0] u8 (3 by 4, 4 by 1), pad=0
}

// -----

// CHECK: Expected 'pad'
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.load @load, src=dram[0x0] u8 (3 by 4, 4 by 1),
    dst=local data[0x0] u8 (3 by 4, 4 by 1), fill=0
}

// -----

// CHECK: 1e+39 is out of range for a float32
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.vadd @act, a=data[0x0] i8 (1 by 1), b=data[0x0] i8 (1 by 1), dst=data[0x0] i8 (1 by 1),
    ra=1.0e39, rb=1.0, fix=0.0, lo=0, hi=0
}

// -----

// CHECK: the coefficient of i0 is 0
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.load @load, src=dram[0x0] u8 (0*i0:4 by 1), dst=local data[0x0] u8 (4 by 1), pad=0
}
