// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},lower-to-isa' --split-input-file | filecheck %s

// Steps become instructions and loops stay loops; a buffer of two slots is a ring over its loops.
// Tokens are semaphores: those of the free slots have two initial credits. What is data of the
// program stays beside it, the temporary does not.
// CHECK: schedule.tensor {kind = "input", label = "x"
// CHECK-NOT: = schedule.tensor
// CHECK: isa.program "net" on "tiny" digest "{{[0-9a-f]+}}" dma ["load", "wload", "store"] arrays ["conv.0", "conv.1"] vectors ["act"] memories ["dram", "data", "weights"] {
// CHECK-NEXT: isa.sem id=0, credits=2
// CHECK-NEXT: isa.sem id=1, credits=0
// CHECK-NEXT: isa.loop count=4 {
// CHECK-NEXT: isa.wait @load, sem=0
// CHECK-NEXT: isa.load @load, src=dram[0x100] u8 (16*i0-1:16 of 60 by 1), dst=local data[0x20 ring 2 x 16 over 1] u8 (16 by 1), pad=3
// CHECK-NEXT: isa.signal @load, sem=1
// CHECK-NEXT: isa.wait @store, sem=1
// CHECK-NEXT: isa.store @store, src=local data[0x20 ring 2 x 16 over 1] u8 (16 by 1), dst=dram[0x40] u8 (16*i0:16 of 60 by 1)
// CHECK-NEXT: isa.signal @store, sem=0
// CHECK-NEXT: }
// CHECK-NEXT: isa.halt
builtin.module attributes {nn.network = "net"} {
  schedule.program attributes {sym_name = "main", machine = "tiny"} {
    %x = schedule.tensor {kind = "input", label = "x", logical = tensor<1x60x!quant.uniform<u8:f32, 0.5:3>>, address = 256} : !schedule.tensor<1x1x60xu8>
    %y = schedule.tensor {kind = "temporary", label = "y", address = 64} : !schedule.tensor<60xu8>
    %t = schedule.buffer "data" {depth = 2, address = 32} : !schedule.buffer<16xu8>
    %a = schedule.ready
    %b = schedule.ready
    %c, %d = schedule.for %i = 4 iter(%old = %a, %new = %b) {
      schedule.wait "load", %old
      schedule.load "load" %x to %t[%i] {origin = affine_map<(d0) -> (d0 * 16 - 1)>, extents = array<i64: 60>, strides = array<i64: 1>, pad = 3} : !schedule.tensor<1x1x60xu8> to !schedule.buffer<16xu8>
      %full = schedule.signal "load"
      schedule.wait "store", %full
      schedule.store "store" %t to %y[%i] {origin = affine_map<(d0) -> (d0 * 16)>, extents = array<i64: 60>, strides = array<i64: 1>} : !schedule.buffer<16xu8> to !schedule.tensor<60xu8>
      %free = schedule.signal "store"
      schedule.yield %new, %free : !schedule.token, !schedule.token
    }
  }
}

// -----

// Layers. A convolution has its parameters and its weights in one block and sums over the inner loop.
// Of the tiles that are read, only what the result's own clipping does not settle is clipped: the
// channels of a convolution, the padding of a pool.
// CHECK-LABEL: isa.program "network"
// CHECK: isa.configure @conv.0, units=2, chain=2, cols=1, pixels=1, groups=1, mode=0, act_bits=8, wgt_bits=8
// CHECK: isa.conv @conv.0, src=local data[0x0] u8 (4 by 12, 6 by 2, 2*i1:2 of 4 by 1), wgt=local weights[0x60] i8 (8 by 18, 3 by 6, 3 by 2, 2 by 1), par=local weights[0x0] i32 (8 by 3, 3 by 1), dst=local data[0x40] u8 (2*i0:2 of 6 by 32, 4 by 8, 8 by 1), stride_y=1, stride_x=1, dil_y=1, dil_x=1, src_zero=3, dst_zero=7, lo=7, hi=200, reduce={1}
// CHECK: isa.vlut @act, src=local data[0x40] u8 (2 by 32, 4 by 8, 8 by 1), table=local weights[0x100] u8 (256 by 1), dst=local data[0x80] u8 (2*i0:2 of 6 by 32, 4 by 8, 8 by 1)
// CHECK: isa.vadd @act, a=local data[0x80] u8 (2 by 32, 4 by 8, 8 by 1), b=local data[0x40] u8 (2 by 32, 4 by 8, 8 by 1), dst=local data[0xc0] u8 (2*i0:2 of 6 by 32, 4 by 8, 8 by 1), ra=0.5, rb=0.25, fix=-1.5, lo=0, hi=255
// CHECK: isa.vmul @act, a=local data[0x80] u8 (2 by 32, 4 by 8, 8 by 1), b=local data[0xc0] u8 (2 by 32, 4 by 8, 8 by 1), dst=local data[0x140] u8 (2*i0:2 of 6 by 32, 4 by 8, 8 by 1), a_zero=3, b_zero=0, m=0.25, dst_zero=1, lo=0, hi=255
// CHECK: isa.vpool @act, src=local data[0xc0] u8 (2*i0:2 of 6 by 32, 4 by 8, 8 by 1), dst=local data[0x100] u8 (i0:1 of 3 by 16, 2 by 8, 8 by 1), kind=0, kernel_y=2, kernel_x=2, stride_y=2, stride_x=2, {{.*}}include_pad=0
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %x = schedule.tensor {kind = "temporary", label = "x", address = 0} : !schedule.tensor<6x6x4xu8>
  %blocks = schedule.tensor {kind = "temporary", label = "w", address = 256} : !schedule.tensor<1x2x240xu8>
  %w = schedule.buffer "weights" {depth = 1, address = 0} : !schedule.buffer<1x1x240xu8>
  %table = schedule.buffer "weights" {depth = 1, address = 256} : !schedule.buffer<256xu8>
  %in = schedule.buffer "data" {depth = 1, address = 0} : !schedule.buffer<4x6x2xu8>
  %sum = schedule.buffer "data" {depth = 1, address = 64} : !schedule.buffer<2x4x8xu8>
  %new = schedule.buffer "data" {depth = 1, address = 128} : !schedule.buffer<2x4x8xu8>
  %both = schedule.buffer "data" {depth = 1, address = 192} : !schedule.buffer<2x4x8xu8>
  %max = schedule.buffer "data" {depth = 1, address = 256} : !schedule.buffer<1x2x8xu8>
  %prod = schedule.buffer "data" {depth = 1, address = 320} : !schedule.buffer<2x4x8xu8>
  schedule.configure <@conv, first = 0, units = 2, chain = 2, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  schedule.load "wload" %blocks to %table[] {origin = affine_map<() -> (0)>, extents = array<i64: 256>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<1x2x240xu8> to !schedule.buffer<256xu8>
  schedule.for %i = 3 {
    schedule.for %c = 2 {
      schedule.load "wload" %blocks to %w[%c] {origin = affine_map<(d0) -> (0, d0, 0)>, extents = array<i64: 1, 2, 240>, strides = array<i64: 480, 240, 1>, pad = 0} : !schedule.tensor<1x2x240xu8> to !schedule.buffer<1x1x240xu8>
      schedule.load "load" %x to %in[%i, %c] {origin = affine_map<(d0, d1) -> (d0 * 2 - 1, 0, d1 * 2)>, extents = array<i64: 6, 6, 4>, strides = array<i64: 24, 4, 1>, pad = 3} : !schedule.tensor<6x6x4xu8> to !schedule.buffer<4x6x2xu8>
      schedule.conv "conv.0" %sum = %in, %w[%i] {origin = affine_map<(d0) -> (d0 * 2, 0, 0)>, extents = array<i64: 6, 4, 8>, kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 3, dst_zero = 7, lo = 7, hi = 200, reduction = 1} : !schedule.buffer<2x4x8xu8> = !schedule.buffer<4x6x2xu8>, !schedule.buffer<1x1x240xu8>
    }
    schedule.lut "act" %new = %sum, %table[%i] {origin = affine_map<(d0) -> (d0 * 2, 0, 0)>, extents = array<i64: 6, 4, 8>} : !schedule.buffer<2x4x8xu8> = !schedule.buffer<2x4x8xu8>, !schedule.buffer<256xu8>
    schedule.add "act" %both = %new, %sum[%i] {origin = affine_map<(d0) -> (d0 * 2, 0, 0)>, extents = array<i64: 6, 4, 8>, ra = 0.5 : f32, rb = 0.25 : f32, fix = -1.5 : f32, lo = 0, hi = 255} : !schedule.buffer<2x4x8xu8> = !schedule.buffer<2x4x8xu8>, !schedule.buffer<2x4x8xu8>
    schedule.mul "act" %prod = %new, %both[%i] {origin = affine_map<(d0) -> (d0 * 2, 0, 0)>, extents = array<i64: 6, 4, 8>, a_zero = 3, b_zero = 0, m = 0.25 : f32, dst_zero = 1, lo = 0, hi = 255} : !schedule.buffer<2x4x8xu8> = !schedule.buffer<2x4x8xu8>, !schedule.buffer<2x4x8xu8>
    schedule.pool "act" %max = %both[%i] {origin = affine_map<(d0) -> (d0, 0, 0)>, extents = array<i64: 3, 2, 8>, dst_zero = 0, lo = 0, hi = 255, kind = "max", kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, src_zero = 0, src_scale = 0.5 : f32, dst_scale = 0.5 : f32, include_pad = false} : !schedule.buffer<1x2x8xu8> = !schedule.buffer<2x4x8xu8>
  }
}

// -----

// Windows are global views of the memory on chip, clipped to the tensor wherever they are read or
// written: what lies outside is no byte of it. A convolution reads the padding around as its zero
// point, and a tile that has a buffer as it is in there. The tensor itself does not stay.
// CHECK-LABEL: isa.program "network"
// CHECK-NOT: schedule.tensor
// CHECK: isa.conv @conv.0, src=data[0x40] u8 (2*i0-1:4 by 8, -1:6 of 4 by 2, 2 by 1), wgt=local weights[0x18] i8 (2 by 18, 3 by 6, 3 by 2, 2 by 1), par=local weights[0x0] i32 (2 by 3, 3 by 1), dst=local data[0x0] u8 (2*i0:2 of 4 by 8, 4 by 2, 2 by 1), {{.*}}src_zero=3
// CHECK-NEXT: isa.vadd @act, a=data[0x40] u8 (2*i0:2 of 4 by 8, 4 by 2, 2 by 1), b=local data[0x0] u8 (2 by 8, 4 by 2, 2 by 1), dst=data[0x60] u8 (2*i0:2 of 4 by 8, 4 by 2, 2 by 1)
// CHECK-NEXT: isa.vpool @act, src=data[0x60] u8 (2*i0:2 of 4 by 8, 4 by 2, 2 by 1), dst=data[0x80] u8 (i0:1 of 2 by 4, 2 by 2, 2 by 1)
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %x = schedule.tensor {kind = "temporary", label = "x", address = 0} : !schedule.tensor<60xu8>
  %a = schedule.tensor {kind = "temporary", label = "a", memory = "data", address = 64} : !schedule.tensor<4x4x2xu8>
  %b = schedule.tensor {kind = "temporary", label = "b", memory = "data", address = 96} : !schedule.tensor<4x4x2xu8>
  %c = schedule.tensor {kind = "temporary", label = "c", memory = "data", address = 128} : !schedule.tensor<2x2x2xu8>
  %w = schedule.buffer "weights" {depth = 1, address = 0} : !schedule.buffer<60xu8>
  %made = schedule.buffer "data" {depth = 1, address = 0} : !schedule.buffer<2x4x2xu8>
  schedule.configure <@conv, first = 0, units = 1, chain = 1, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
  schedule.load "wload" %x to %w[] {origin = affine_map<() -> (0)>, extents = array<i64: 60>, strides = array<i64: 1>, pad = 0} : !schedule.tensor<60xu8> to !schedule.buffer<60xu8>
  schedule.for %i = 2 {
    %in = schedule.window %a[%i] {origin = affine_map<(d0) -> (d0 * 2 - 1, -1, 0)>, extents = array<i64: 4, 4, 2>, strides = array<i64: 8, 2, 1>, pad = 3} : !schedule.tensor<4x4x2xu8> to !schedule.buffer<4x6x2xu8>
    schedule.conv "conv.0" %made = %in, %w[%i] {origin = affine_map<(d0) -> (d0 * 2, 0, 0)>, extents = array<i64: 4, 4, 2>, kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 3, dst_zero = 7, lo = 7, hi = 200, reduction = 0} : !schedule.buffer<2x4x2xu8> = !schedule.buffer<4x6x2xu8>, !schedule.buffer<60xu8>
    %other = schedule.window %a[%i] {origin = affine_map<(d0) -> (d0 * 2, 0, 0)>, extents = array<i64: 4, 4, 2>, strides = array<i64: 8, 2, 1>, pad = 0} : !schedule.tensor<4x4x2xu8> to !schedule.buffer<2x4x2xu8>
    %sum = schedule.window %b[%i] {origin = affine_map<(d0) -> (d0 * 2, 0, 0)>, extents = array<i64: 4, 4, 2>, strides = array<i64: 8, 2, 1>, pad = 0} : !schedule.tensor<4x4x2xu8> to !schedule.buffer<2x4x2xu8>
    schedule.add "act" %sum = %other, %made[%i] {origin = affine_map<(d0) -> (d0 * 2, 0, 0)>, extents = array<i64: 4, 4, 2>, ra = 0.5 : f32, rb = 0.25 : f32, fix = -1.5 : f32, lo = 0, hi = 255} : !schedule.buffer<2x4x2xu8> = !schedule.buffer<2x4x2xu8>, !schedule.buffer<2x4x2xu8>
    %max = schedule.window %c[%i] {origin = affine_map<(d0) -> (d0, 0, 0)>, extents = array<i64: 2, 2, 2>, strides = array<i64: 4, 2, 1>, pad = 0} : !schedule.tensor<2x2x2xu8> to !schedule.buffer<1x2x2xu8>
    schedule.pool "act" %max = %sum[%i] {origin = affine_map<(d0) -> (d0, 0, 0)>, extents = array<i64: 2, 2, 2>, dst_zero = 0, lo = 0, hi = 255, kind = "max", kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, src_zero = 0, src_scale = 0.5 : f32, dst_scale = 0.5 : f32, include_pad = false} : !schedule.buffer<1x2x2xu8> = !schedule.buffer<2x4x2xu8>
  }
}

// -----

// A token that nobody awaits, and a loop without steps, become nothing.
// CHECK-LABEL: isa.program "network"
// CHECK-NEXT: isa.halt
schedule.program attributes {sym_name = "main", machine = "tiny"} {
  %a = schedule.signal "load"
  schedule.for %i = 4 {
  }
}
