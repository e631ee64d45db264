// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},keep-on-chip' | filecheck %s
// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},keep-on-chip{linger=1}' | filecheck %s --check-prefix=ONE
// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},keep-on-chip{linger=9}' | filecheck %s --check-prefix=MANY

!x = tensor<1x4x8x8x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<4x4x1x1x!quant.uniform<i8:f32, 0.25>>

// Tensors of 256 bytes take two places in turn. Where a place is left alone for a layer more, they take
// three; there is room for all of them, 1024 of 4096 bytes, so none is used again at all.
// CHECK-COUNT-2: kept = {{0|256}} : i64
// CHECK-NOT: kept = 512
// ONE-DAG: kept = 0 : i64
// ONE-DAG: kept = 256 : i64
// ONE-DAG: kept = 512 : i64
// ONE-NOT: kept = 768
// MANY-DAG: kept = 0 : i64
// MANY-DAG: kept = 256 : i64
// MANY-DAG: kept = 512 : i64
// MANY-DAG: kept = 768 : i64
func.func @main(%x: !x, %w: !w) -> !x {
  %a = nn.conv %x, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !w) -> !x
  %b = nn.conv %a, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !w) -> !x
  %c = nn.conv %b, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !w) -> !x
  %d = nn.conv %c, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !w) -> !x
  %e = nn.conv %d, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !w) -> !x
  func.return %e : !x
}
