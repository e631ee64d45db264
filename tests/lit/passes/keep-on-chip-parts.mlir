// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},fuse-epilogue,keep-on-chip' --split-input-file | filecheck %s

!x = tensor<1x4x8x8x!quant.uniform<u8:f32, 0.5:3>>
!h = tensor<1x4x4x8x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<4x4x1x1x!quant.uniform<i8:f32, 0.25>>

// Two halves of 128 bytes are made in their places in a tensor of 256, and read there again as slices.
// CHECK-LABEL: @main
func.func @main(%x: !h, %w: !w) -> (!h, !h) {
  // CHECK: %a = nn.conv {{.*}}, kept = 0 : i64, room
  %a = nn.conv %x, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!h, !w) -> !h
  // CHECK-NEXT: %b = nn.conv {{.*}}, kept = 128 : i64, room
  %b = nn.conv %x, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!h, !w) -> !h
  // CHECK-NEXT: %c = nn.concat %a, %b {axis = 2, kept = 0 : i64}
  %c = nn.concat %a, %b {axis = 2} : (!h, !h) -> !x
  // CHECK-NEXT: %d = nn.slice {{.*}}, kept = 96 : i64}
  %d = nn.slice %c {starts = [0, 0, 3, 0], sizes = [1, 4, 4, 8]} : (!x) -> !h
  %e = nn.conv %d, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!h, !w) -> !h
  %f = nn.slice %c {starts = [0, 0, 0, 0], sizes = [1, 4, 4, 8]} : (!x) -> !h
  %g = nn.conv %f, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!h, !w) -> !h
  func.return %e, %g : !h, !h
}

// -----

!x = tensor<1x4x8x8x!quant.uniform<u8:f32, 0.5:3>>
!h = tensor<1x4x4x8x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<4x4x1x1x!quant.uniform<i8:f32, 0.25>>

// Where one part must be copied, here the network's input, nothing of it is kept.
// CHECK-LABEL: @main
func.func @main(%x: !h, %w: !w) -> !x {
  // CHECK-NOT: kept
  %a = nn.conv %x, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!h, !w) -> !h
  %c = nn.concat %a, %x {axis = 2} : (!h, !h) -> !x
  %e = nn.conv %c, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !w) -> !x
  func.return %e : !x
}
