// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},fuse-epilogue,keep-on-chip' --split-input-file | filecheck %s
// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},fuse-epilogue,keep-on-chip{reserve=2}' --split-input-file | filecheck %s --check-prefix=HALF
// RUN: tilefold-opt %s -p 'keep-on-chip' --split-input-file --verify-diagnostics | filecheck %s --check-prefix=NONE

// NONE: the module has no machine; run attach-machine{machine="NAME"} first

!x = tensor<1x4x16x16x!quant.uniform<u8:f32, 0.5:3>>
!y = tensor<1x4x8x8x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<4x4x1x1x!quant.uniform<i8:f32, 0.25>>

// Of two tensors that are needed at once the smaller one, of 256 bytes, comes first; the other one, of
// 1024, lies above it. The memory has 4096 bytes: what is left, layer by layer, is room for tiles. The
// network's input and output are in DRAM.
// CHECK-LABEL: @main
func.func @main(%x: !x, %w: !w) -> !y {
  // CHECK: %a = nn.conv %x, %w {{.*}}, kept = 256 : i64, room = 2816 : i64}
  %a = nn.conv %x, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !w) -> !x
  // CHECK-NEXT: %b = nn.max_pool %a {{.*}}, kept = 0 : i64, room = 2816 : i64}
  %b = nn.max_pool %a {kernel = [2, 2], strides = [2, 2], pads = [0, 0, 0, 0], dilations = [1, 1]} : (!x) -> !y
  // CHECK-NEXT: %c = nn.conv %b, %w {{.*}}groups = 1, room = 3840 : i64}
  %c = nn.conv %b, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!y, !w) -> !y
  func.return %c : !y
}

// -----

!x = tensor<1x4x24x24x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<4x4x1x1x!quant.uniform<i8:f32, 0.25>>

// Tensors of 2304 bytes leave a fourth of the memory to tiles, but not half of it; two at once do not
// leave a fourth. What the network gives out is not kept, even if a layer reads it as well.
// CHECK-LABEL: @main
func.func @main(%x: !x, %w: !w) -> (!x, !x) {
  // CHECK: %a = nn.conv {{.*}}, kept = 0 : i64, room = 1792 : i64}
  // HALF: %a = nn.conv {{.*}}groups = 1, room = 4096 : i64}
  %a = nn.conv %x, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !w) -> !x
  // CHECK-NEXT: %b = nn.conv {{.*}}groups = 1, room = 1792 : i64}
  %b = nn.conv %a, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !w) -> !x
  // CHECK-NEXT: %c = nn.conv {{.*}}groups = 1, room = 4096 : i64}
  %c = nn.conv %b, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !w) -> !x
  // CHECK-NEXT: %d = nn.conv {{.*}}groups = 1, room = 4096 : i64}
  %d = nn.conv %c, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !w) -> !x
  func.return %c, %d : !x, !x
}

// -----

!x = tensor<1x4x8x8x!quant.uniform<u8:f32, 0.5:3>>
!h = tensor<1x4x8x8x!quant.uniform<u4:f32, 0.5:3>>
!y = tensor<1x8x8x4x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<4x4x1x1x!quant.uniform<i8:f32, 0.25>>
!g = tensor<4x2x1x1x!quant.uniform<i8:f32, 0.25>>
!d = tensor<4x1x1x1x!quant.uniform<i8:f32, 0.25>>

// Neither what a grouped convolution reads or writes, nor what is only moved, nor elements of less
// than a byte; what a depthwise convolution reads and writes is.
// CHECK-LABEL: @main
func.func @main(%x: !x, %w: !w, %g: !g, %d: !d) -> !y {
  // CHECK: %a = nn.conv {{.*}}groups = 1, room
  %a = nn.conv %x, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !w) -> !x
  // CHECK-NEXT: %b = nn.conv {{.*}}groups = 2, room
  %b = nn.conv %a, %g {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 2} : (!x, !g) -> !x
  // CHECK-NEXT: %c = nn.conv {{.*}}groups = 1, kept = 0
  %c = nn.conv %b, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !w) -> !x
  // CHECK-NEXT: %e = nn.conv {{.*}}groups = 4, kept = 256
  %e = nn.conv %c, %d {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 4} : (!x, !d) -> !x
  // CHECK-NEXT: %f = nn.conv {{.*}}groups = 1, room
  %f = nn.conv %e, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !w) -> !h
  // CHECK-NEXT: %h = nn.conv {{.*}}groups = 1, room
  %h = nn.conv %f, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!h, !w) -> !x
  // CHECK-NEXT: nn.transpose %h {perm = [0, 2, 3, 1]} :
  %t = nn.transpose %h {perm = [0, 2, 3, 1]} : (!x) -> !y
  func.return %t : !y
}

// -----

!x = tensor<1x4x8x8x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<4x4x1x1x!quant.uniform<i8:f32, 0.25>>

// An epilogue works in the nest of the layer before: while that reads %a, the sum is being made. %b is
// never made as a whole. Without an epilogue %c would take the place of %a.
// CHECK-LABEL: @main
func.func @main(%x: !x, %w: !w) -> !x {
  // CHECK: %a = nn.conv {{.*}}, kept = 0 : i64, room = 3840 : i64}
  %a = nn.conv %x, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !w) -> !x
  // CHECK-NEXT: %b = nn.conv {{.*}}groups = 1, room = 3584 : i64}
  %b = nn.conv %a, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !w) -> !x
  // CHECK-NEXT: %c = nn.add %b, %x {epilogue, kept = 256 : i64, room = 3584 : i64}
  %c = nn.add %b, %x : (!x, !x) -> !x
  // CHECK-NEXT: %d = nn.conv {{.*}}groups = 1, room = 3584 : i64}
  %d = nn.conv %c, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !w) -> !x
  func.return %d : !x
}
