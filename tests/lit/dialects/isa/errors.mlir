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

// CHECK: 'halt' within a loop: an 'end' is missing
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

// -----

// CHECK: array unit 'conv' is not named ARRAY.INDEX
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv"] vectors ["act"]
  memories ["dram", "data"] {
  isa.halt
}

// -----

// CHECK: unit name '0load' is not an identifier
isa.program "net" on "tiny" digest "00ff" dma ["0load"] arrays ["conv.0"] vectors ["act"]
  memories ["dram", "data"] {
  isa.halt
}

// -----

// CHECK: the network 'a"b' cannot be written: at most 1024 printable ASCII characters, without quotes and backslashes
isa.program "a\"b" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0"] vectors ["act"]
  memories ["dram", "data"] {
  isa.halt
}

// -----

// CHECK: 257 names where at most 256 can be encoded
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0"] vectors ["act"]
  memories ["m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "m9", "m10", "m11", "m12", "m13", "m14", "m15", "m16", "m17", "m18", "m19", "m20", "m21", "m22", "m23", "m24", "m25", "m26", "m27", "m28", "m29", "m30", "m31", "m32", "m33", "m34", "m35", "m36", "m37", "m38", "m39", "m40", "m41", "m42", "m43", "m44", "m45", "m46", "m47", "m48", "m49", "m50", "m51", "m52", "m53", "m54", "m55", "m56", "m57", "m58", "m59", "m60", "m61", "m62", "m63", "m64", "m65", "m66", "m67", "m68", "m69", "m70", "m71", "m72", "m73", "m74", "m75", "m76", "m77", "m78", "m79", "m80", "m81", "m82", "m83", "m84", "m85", "m86", "m87", "m88", "m89", "m90", "m91", "m92", "m93", "m94", "m95", "m96", "m97", "m98", "m99", "m100", "m101", "m102", "m103", "m104", "m105", "m106", "m107", "m108", "m109", "m110", "m111", "m112", "m113", "m114", "m115", "m116", "m117", "m118", "m119", "m120", "m121", "m122", "m123", "m124", "m125", "m126", "m127", "m128", "m129", "m130", "m131", "m132", "m133", "m134", "m135", "m136", "m137", "m138", "m139", "m140", "m141", "m142", "m143", "m144", "m145", "m146", "m147", "m148", "m149", "m150", "m151", "m152", "m153", "m154", "m155", "m156", "m157", "m158", "m159", "m160", "m161", "m162", "m163", "m164", "m165", "m166", "m167", "m168", "m169", "m170", "m171", "m172", "m173", "m174", "m175", "m176", "m177", "m178", "m179", "m180", "m181", "m182", "m183", "m184", "m185", "m186", "m187", "m188", "m189", "m190", "m191", "m192", "m193", "m194", "m195", "m196", "m197", "m198", "m199", "m200", "m201", "m202", "m203", "m204", "m205", "m206", "m207", "m208", "m209", "m210", "m211", "m212", "m213", "m214", "m215", "m216", "m217", "m218", "m219", "m220", "m221", "m222", "m223", "m224", "m225", "m226", "m227", "m228", "m229", "m230", "m231", "m232", "m233", "m234", "m235", "m236", "m237", "m238", "m239", "m240", "m241", "m242", "m243", "m244", "m245", "m246", "m247", "m248", "m249", "m250", "m251", "m252", "m253", "m254", "m255", "m256"] {
  isa.halt
}

// -----

// CHECK: src has elements of more than 8 bits
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.vlut @act, src=data[0x0] i32 (4 by 1), table=data[0x0] u8 (256 by 1), dst=data[0x0] u8 (4 by 1)
}

// -----

// CHECK: table has 2 dimensions, not 1
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.vlut @act, src=data[0x0] u8 (4 by 1), table=data[0x0] u8 (2 by 128, 128 by 1), dst=data[0x0] u8 (4 by 1)
}

// -----

// CHECK: table has elements u4, not u8 or i8
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.vlut @act, src=data[0x0] u8 (4 by 1), table=data[0x0] u4 (256 by 1), dst=data[0x0] u8 (4 by 1)
}

// -----

// CHECK: dst must be a local view
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.load @load, src=dram[0x0] u8 (4 by 1), dst=data[0x0] u8 (4 by 1), pad=0
}

// -----

// CHECK: dst: rows of u4 must start at whole bytes, not at i0+2
isa.program "net" on "tiny" digest "00ff" dma ["load"] arrays ["conv.0", "conv.1"] vectors ["act"]
  memories ["dram", "data"] {
  isa.loop count=2 {
    isa.vlut @act, src=data[0x0] u4 (2 by 1), table=data[0x0] u8 (256 by 1), dst=data[0x0] u4 (i0+2:2 of 8 by 1)
  }
}

// -----

// CHECK: a layer is predicted to take a negative number of cycles
isa.program "net" on "tiny" digest "00ff" dma [] arrays [] vectors [] memories [] attributes {prediction = [#isa.prediction<"conv", compute = 1, memory = 0, vector = 0, reconfiguration = 0, stalls = -1>]} {
  isa.halt
}
