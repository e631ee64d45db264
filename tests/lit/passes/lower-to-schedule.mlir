// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},lower-to-schedule' --split-input-file | filecheck %s

// A convolution: weights packed with their parameters, one loop for each dimension that is cut,
// every step at the innermost loop that it depends on; partial sums stay in the array.

!r = tensor<1x4x4x4xf32>
!x = tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<2x4x3x3x!quant.uniform<i8:f32, 0.25>>
!y = tensor<1x2x4x4x!quant.uniform<u8:f32, 2.0:7>>
!s = tensor<1x2x4x4xf32>

// CHECK-LABEL: schedule.program attributes {sym_name = "main", machine = "tiny"}
// CHECK-NEXT: %[[IN:[0-9]+]] = schedule.tensor {kind = "input", label = "image", logical = tensor<1x4x4x4x!quant.uniform<u8:f32, 0.5:3>>, host_float = true} : !schedule.tensor<4x4x4xu8>
// CHECK-NEXT: %[[OUT:[0-9]+]] = schedule.tensor {kind = "output", label = "logits", logical = tensor<1x2x4x4x!quant.uniform<u8:f32, 2.0:7>>, host_float = true} : !schedule.tensor<4x4x2xu8>
// CHECK-NEXT: schedule.configure <@conv, first = 0, units = 1, chain = 1, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>
// CHECK-NEXT: %[[BLOCKS:[0-9]+]] = schedule.tensor {kind = "constant", label = "conv", data = "{{[0-9a-f]*}}"} : !schedule.tensor<2x2x30xu8>
// CHECK-NEXT: %[[W:[0-9]+]] = schedule.buffer "weights" {depth = 1 : i64} : !schedule.buffer<1x1x30xu8>
// CHECK-NEXT: %[[X:[0-9]+]] = schedule.buffer "data" {depth = 1 : i64} : !schedule.buffer<4x6x2xu8>
// CHECK-NEXT: %[[Y:[0-9]+]] = schedule.buffer "data" {depth = 1 : i64} : !schedule.buffer<2x4x1xu8>
// CHECK-NEXT: schedule.for %[[K:[0-9]+]] = 2 {
// CHECK-NEXT:   schedule.for %[[ROW:[0-9]+]] = 2 {
// CHECK-NEXT:     schedule.for %[[C:[0-9]+]] = 2 {
// CHECK-NEXT:       schedule.load "wload" %[[BLOCKS]] to %[[W]][%[[K]], %[[C]]] {origin = affine_map<(d0, d1) -> (d0, d1, 0)>, extents = array<i64: 2, 2, 30>
// CHECK-NEXT:       schedule.load "load" %[[IN]] to %[[X]][%[[ROW]], %[[C]]] {origin = affine_map<(d0, d1) -> (((d0 * 2) + -1), -1, (d1 * 2))>, extents = array<i64: 4, 4, 4>, strides = array<i64: 16, 4, 1>, pad = 3 : i64}
// CHECK-NEXT:       schedule.conv "conv.0" %[[Y]] = %[[X]], %[[W]][%[[K]], %[[ROW]]] {origin = affine_map<(d0, d1) -> ((d1 * 2), 0, d0)>, extents = array<i64: 4, 4, 2>, kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, weight_type = "i8", src_zero = 3 : i64, dst_zero = 7 : i64, lo = 7 : i64, hi = 200 : i64, reduction = 1 : i64}
// CHECK-NEXT:     }
// CHECK-NEXT:     schedule.store "store" %[[Y]] to %[[OUT]][%[[K]], %[[ROW]]] {origin = affine_map<(d0, d1) -> ((d1 * 2), 0, d0)>, extents = array<i64: 4, 4, 2>, strides = array<i64: 8, 2, 1>}
builtin.module {
  func.func @main(%image: !r {nn.name = "image"}) -> (!s {nn.name = "logits"}) {
    %x = nn.quantize %image : (!r) -> !x
    %w = nn.constant dense<1> : tensor<2x4x3x3xi8> -> !w
    %y = nn.conv %x, %w {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1, clamp = [7, 200], fold = #fabric.fold<@conv, first = 0, units = 1, chain = 1, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>, tiling = #schedule.tiling<rows = 2, columns = 4, k = 1, c = 2, order = "k y x">} : (!x, !w) -> !y loc("conv")
    %f = nn.dequantize %y : (!y) -> !s
    func.return %f : !s
  }
}

// -----

!x = tensor<1x4x2x2x!quant.uniform<u8:f32, 0.5>>
!w = tensor<4x2x1x1x!quant.uniform<i8:f32, 0.25>>

// A grouped convolution: a loop over the groups, a dimension of the views.
// CHECK-LABEL: schedule.program
// CHECK: schedule.buffer "data" {depth = 1 : i64} : !schedule.buffer<2x2x1x2xu8>
// CHECK: schedule.for %[[G:[0-9]+]] = 2 {
// CHECK: schedule.load "wload" {{.*}}[%[[G]]] {origin = affine_map<(d0) -> (d0, 0, 0)>
// CHECK: schedule.load "load" {{.*}}[%[[G]]] {origin = affine_map<(d0) -> (0, 0, d0, 0)>, extents = array<i64: 2, 2, 2, 2>, strides = array<i64: 8, 4, 2, 1>
// CHECK: schedule.conv "conv.0" {{.*}}[%[[G]]]
// CHECK: schedule.store "store"
func.func @main(%x: !x) -> !x {
  %w = nn.constant dense<1> : tensor<4x2x1x1xi8> -> !w
  %y = nn.conv %x, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 2, fold = #fabric.fold<@conv, first = 0, units = 1, chain = 1, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>, tiling = #schedule.tiling<rows = 2, columns = 2, k = 2, c = 2, order = "k y x">} : (!x, !w) -> !x
  func.return %y : !x
}

// -----

!x = tensor<1x4x3x3x!quant.uniform<u8:f32, 0.5>>
!y = tensor<1x8x2x2x!quant.uniform<u8:f32, 0.5>>
!w = tensor<8x1x2x2x!quant.uniform<i8:f32, 0.25>>

// A depthwise convolution: tiles of output channels take the input channels that they read.
// CHECK-LABEL: schedule.program
// CHECK: schedule.buffer "weights" {depth = 1 : i64} : !schedule.buffer<1x1x64xu8>
// CHECK: schedule.buffer "data" {depth = 1 : i64} : !schedule.buffer<3x3x2xu8>
// CHECK: schedule.buffer "data" {depth = 1 : i64} : !schedule.buffer<2x2x4xu8>
// CHECK: schedule.for %[[K:[0-9]+]] = 2 {
// CHECK: schedule.load "load" {{.*}} {origin = affine_map<(d0) -> (0, 0, (d0 * 2))>
// CHECK: schedule.depthwise "conv.0" {{.*}} {origin = affine_map<(d0) -> (0, 0, (d0 * 4))>, {{.*}}multiplier = 2 : i64}
func.func @main(%x: !x) -> !y {
  %w = nn.constant dense<1> : tensor<8x1x2x2xi8> -> !w
  %y = nn.conv %x, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 4, fold = #fabric.fold<@conv, first = 0, units = 1, chain = 1, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>, tiling = #schedule.tiling<rows = 2, columns = 2, k = 4, c = 4, order = "k y x">} : (!x, !w) -> !y
  func.return %y : !y
}

// -----

!x = tensor<1x3x4x!quant.uniform<u8:f32, 0.5>>
!y = tensor<1x3x2x!quant.uniform<u8:f32, 0.5>>
!a = tensor<1x3x2x!quant.uniform<i32:f32, 0.125>>
!w = tensor<4x2x!quant.uniform<i8:f32, 0.25>>

// A matrix product is a convolution of one row; with its table while the tile is on chip.
// CHECK-LABEL: schedule.program
// CHECK: schedule.load "wload" {{.*}} : !schedule.tensor<256xu8> to !schedule.buffer<256xu8>
// CHECK: schedule.conv "conv.0" %[[Y:[0-9]+]] = {{.*}}kernel = array<i64: 1, 1>{{.*}} : !schedule.buffer<1x3x2xu8> = !schedule.buffer<1x3x4xu8>, !schedule.buffer<1x1x32xu8>
// CHECK-NEXT: schedule.lut "act" %[[Z:[0-9]+]] = %[[Y]], {{.*}}[] {origin = affine_map<() -> (0, 0, 0)>, extents = array<i64: 1, 3, 2>}
// CHECK-NEXT: schedule.store "store" %[[Z]]
// Raw accumulators are stored as they are.
// CHECK: schedule.conv "conv.0" {{.*}} : !schedule.buffer<1x3x2xi32> =
func.func @main(%x: !x) -> (!y, !a) {
  %w = nn.constant dense<1> : tensor<4x2xi8> -> !w
  %y = nn.matmul %x, %w {fold = #fabric.fold<@conv, first = 0, units = 1, chain = 1, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>, tiling = #schedule.tiling<rows = 1, columns = 3, k = 2, c = 4, order = "k y x">} : (!x, !w) -> !y
  %z = nn.lut %y {table = [255, 254, 253, 252, 251, 250, 249, 248, 247, 246, 245, 244, 243, 242, 241, 240, 239, 238, 237, 236, 235, 234, 233, 232, 231, 230, 229, 228, 227, 226, 225, 224, 223, 222, 221, 220, 219, 218, 217, 216, 215, 214, 213, 212, 211, 210, 209, 208, 207, 206, 205, 204, 203, 202, 201, 200, 199, 198, 197, 196, 195, 194, 193, 192, 191, 190, 189, 188, 187, 186, 185, 184, 183, 182, 181, 180, 179, 178, 177, 176, 175, 174, 173, 172, 171, 170, 169, 168, 167, 166, 165, 164, 163, 162, 161, 160, 159, 158, 157, 156, 155, 154, 153, 152, 151, 150, 149, 148, 147, 146, 145, 144, 143, 142, 141, 140, 139, 138, 137, 136, 135, 134, 133, 132, 131, 130, 129, 128, 127, 126, 125, 124, 123, 122, 121, 120, 119, 118, 117, 116, 115, 114, 113, 112, 111, 110, 109, 108, 107, 106, 105, 104, 103, 102, 101, 100, 99, 98, 97, 96, 95, 94, 93, 92, 91, 90, 89, 88, 87, 86, 85, 84, 83, 82, 81, 80, 79, 78, 77, 76, 75, 74, 73, 72, 71, 70, 69, 68, 67, 66, 65, 64, 63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0], epilogue} : (!y) -> !y
  %a = nn.matmul %x, %w {fold = #fabric.fold<@conv, first = 0, units = 1, chain = 1, cols = 1, pixels = 1, groups = 1, mode = 0, act_bits = 8, wgt_bits = 8>, tiling = #schedule.tiling<rows = 1, columns = 3, k = 2, c = 4, order = "k y x">} : (!x, !w) -> !a
  func.return %z, %a : !y, !a
}

// -----

!x = tensor<1x2x5x5x!quant.uniform<u8:f32, 0.5:3>>
!y = tensor<1x2x3x3x!quant.uniform<u8:f32, 0.5:3>>
!z = tensor<1x2x1x1x!quant.uniform<u8:f32, 0.5:3>>

// Pools: the step itself knows where the source ends.
// CHECK-LABEL: schedule.program
// CHECK: schedule.load "load" {{.*}} {origin = affine_map<(d0) -> (((d0 * 2) + -1), -1, 0)>, extents = array<i64: 5, 5, 2>, {{.*}} : !schedule.tensor<5x5x2xu8> to !schedule.buffer<3x7x2xu8>
// CHECK-NEXT: schedule.pool "act" {{.*}} kind = "max", kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, src_zero = 3 : i64, dst_zero = 3 : i64, src_scale = 5.000000e-01 : f32, dst_scale = 5.000000e-01 : f32, lo = 0 : i64, hi = 255 : i64, include_pad = false}
// CHECK-NEXT: schedule.store "store"
// CHECK: schedule.pool "act" {{.*}} kind = "average", kernel = array<i64: 3, 3>, {{.*}}include_pad = true}
// CHECK: schedule.pool "act" {{.*}} kind = "global_average", kernel = array<i64: 5, 5>, strides = array<i64: 1, 1>, {{.*}} : !schedule.buffer<1x1x2xu8> = !schedule.buffer<5x5x2xu8>
func.func @main(%x: !x) -> (!y, !y, !z) {
  %a = nn.max_pool %x {kernel = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1], dilations = [1, 1]} : (!x) -> !y
  %b = nn.avg_pool %x {kernel = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1], count_include_pad = true} : (!x) -> !y
  %c = nn.global_avg_pool %x : (!x) -> !z
  func.return %a, %b, %c : !y, !y, !z
}

// -----

!x = tensor<1x4x3x3x!quant.uniform<u8:f32, 0.5:3>>
!v = tensor<4x1x1x!quant.uniform<u8:f32, 0.25:1>>

// An addition of equal shapes takes the tensors as one row; a broadcast operand does not move.
// CHECK-LABEL: schedule.program
// CHECK: schedule.for %[[I:[0-9]+]] = 2 {
// CHECK: schedule.add "act" {{.*}}[%[[I]]] {origin = affine_map<(d0) -> ((d0 * 18))>, extents = array<i64: 36>, ra = 1.000000e+00 : f32, rb = 1.000000e+00 : f32, fix = -3.000000e+00 : f32, lo = 0 : i64, hi = 255 : i64} : !schedule.buffer<18xu8>
// CHECK: schedule.for %[[Y:[0-9]+]] = 3 {
// CHECK: schedule.load "load" {{.*}}[%[[Y]]] {origin = affine_map<(d0) -> (d0, 0, 0)>, extents = array<i64: 3, 3, 4>, strides = array<i64: 12, 4, 1>, {{.*}} to !schedule.buffer<1x3x4xu8>
// CHECK: schedule.load "load" {{.*}}[%[[Y]]] {origin = affine_map<(d0) -> (d0, 0, 0)>, extents = array<i64: 3, 3, 4>, strides = array<i64: 0, 0, 1>, {{.*}} to !schedule.buffer<1x3x4xu8>
// CHECK: schedule.add "act" {{.*}} lo = 3 : i64, hi = 255 : i64} : !schedule.buffer<1x3x4xu8>
func.func @main(%x: !x, %v: !v) -> !x {
  %a = nn.add %x, %x : (!x, !x) -> !x
  %b = nn.add %a, %v {clamp = [3, 255]} : (!x, !v) -> !x
  func.return %b : !x
}

// -----

!x = tensor<1x4x3x3x!quant.uniform<u8:f32, 0.5:3>>
!v = tensor<4x1x1x!quant.uniform<u8:f32, 0.25:1>>

// A product likewise.
// CHECK-LABEL: schedule.program
// CHECK: schedule.load "load" {{.*}} strides = array<i64: 0, 0, 1>, {{.*}} to !schedule.buffer<1x3x4xu8>
// CHECK-NEXT: schedule.mul "act" {{.*}} {origin = affine_map<(d0) -> (d0, 0, 0)>, extents = array<i64: 3, 3, 4>, a_zero = 3 : i64, b_zero = 1 : i64, m = 2.500000e-01 : f32, dst_zero = 3 : i64, lo = 3 : i64, hi = 255 : i64} : !schedule.buffer<1x3x4xu8>
func.func @main(%x: !x, %v: !v) -> !x {
  %y = nn.mul %x, %v {clamp = [3, 255]} : (!x, !v) -> !x
  func.return %y : !x
}

// -----

!a = tensor<1x2x3x3x!quant.uniform<i32:f32:1, {0.5, 0.25}>>
!y = tensor<1x2x3x3x!quant.uniform<u8:f32, 0.5:3>>
!z = tensor<1x4x3x3x!quant.uniform<u8:f32, 0.5:3>>
!t = tensor<1x2x3x3x!quant.uniform<u8:f32, 0.25:3>>

// Requantisation by channel, made at its channels of the concatenation; the other input is copied to
// its own, rescaled.
// CHECK-LABEL: schedule.program
// CHECK: %[[Z:[0-9]+]] = schedule.tensor {kind = "output"
// CHECK: schedule.load "wload" {{.*}} : !schedule.tensor<2x3xi32> to !schedule.buffer<2x3xi32>
// CHECK: schedule.requantize "act" {{.*}} src_zero = 0 : i64, dst_zero = 3 : i64, {{.*}} : !schedule.buffer<1x3x2xu8> = !schedule.buffer<1x3x2xi32>, !schedule.buffer<2x3xi32>
// CHECK-NEXT: schedule.store "store" {{.*}} extents = array<i64: 3, 3, 2>, strides = array<i64: 12, 4, 1>} : !schedule.buffer<1x3x2xu8> to !schedule.tensor<34xu8>
// CHECK: schedule.lut "act"
// CHECK-NEXT: schedule.store "store" {{.*}} to %[[Z]][] {origin = affine_map<() -> (0, 0, 2)>, extents = array<i64: 3, 3, 4>
func.func @main(%a: !a, %t: !t) -> !z {
  %y = nn.requantize %a : (!a) -> !y
  %z = nn.concat %y, %t {axis = 1} : (!y, !t) -> !z
  func.return %z : !z
}

// -----

!x = tensor<1x4x3x2x!quant.uniform<u8:f32, 0.5:3>>
!f = tensor<1x24x!quant.uniform<u8:f32, 0.5:3>>
!m = tensor<1x6x4x!quant.uniform<u8:f32, 0.5:3>>
!y = tensor<1x3x2x4x!quant.uniform<u8:f32, 0.5:3>>
!p = tensor<1x4x5x2x!quant.uniform<u8:f32, 0.5:3>>

// Channels, rows, columns in one row (logical order) is another order of memory: a strided copy.
// CHECK-LABEL: schedule.program
// CHECK: %[[X:[0-9]+]] = schedule.tensor {kind = "input", label = "input0"
// CHECK: %[[M:[0-9]+]] = schedule.tensor {kind = "input", label = "input1"
// CHECK: schedule.load "load" %[[X]] to %{{.*}} {origin = affine_map<() -> (0, 0)>, extents = array<i64: 4, 6>, strides = array<i64: 1, 4>
// CHECK-NEXT: schedule.store "store" {{.*}} strides = array<i64: 6, 1>}
// Here memory stays as it is: nothing moves, the table reads the input.
// CHECK: schedule.load "load" %[[M]] to %{{.*}} : !schedule.tensor<1x6x4xu8> to !schedule.buffer<24xu8>
// CHECK-NEXT: schedule.lut "act"
// Padding starts outside and fills with the zero point.
// CHECK: schedule.load "load" %[[X]] to %{{.*}} {origin = affine_map<() -> (-1, 0, 0)>, extents = array<i64: 3, 2, 4>, strides = array<i64: 8, 4, 1>, pad = 3 : i64} : !schedule.tensor<3x2x4xu8> to !schedule.buffer<5x2x4xu8>
// A transpose: the strides of the two sides differ.
// CHECK: schedule.load "load" %[[X]] to %{{.*}} extents = array<i64: 8, 3>, strides = array<i64: 1, 8>
// CHECK-NEXT: schedule.store "store" {{.*}} strides = array<i64: 3, 1>}
func.func @main(%x: !x, %m: !m) -> (!f, !f, !p, !y) {
  %f = nn.reshape %x : (!x) -> !f
  %n = nn.reshape %m : (!m) -> !f
  %l = nn.lut %n {table = [255, 254, 253, 252, 251, 250, 249, 248, 247, 246, 245, 244, 243, 242, 241, 240, 239, 238, 237, 236, 235, 234, 233, 232, 231, 230, 229, 228, 227, 226, 225, 224, 223, 222, 221, 220, 219, 218, 217, 216, 215, 214, 213, 212, 211, 210, 209, 208, 207, 206, 205, 204, 203, 202, 201, 200, 199, 198, 197, 196, 195, 194, 193, 192, 191, 190, 189, 188, 187, 186, 185, 184, 183, 182, 181, 180, 179, 178, 177, 176, 175, 174, 173, 172, 171, 170, 169, 168, 167, 166, 165, 164, 163, 162, 161, 160, 159, 158, 157, 156, 155, 154, 153, 152, 151, 150, 149, 148, 147, 146, 145, 144, 143, 142, 141, 140, 139, 138, 137, 136, 135, 134, 133, 132, 131, 130, 129, 128, 127, 126, 125, 124, 123, 122, 121, 120, 119, 118, 117, 116, 115, 114, 113, 112, 111, 110, 109, 108, 107, 106, 105, 104, 103, 102, 101, 100, 99, 98, 97, 96, 95, 94, 93, 92, 91, 90, 89, 88, 87, 86, 85, 84, 83, 82, 81, 80, 79, 78, 77, 76, 75, 74, 73, 72, 71, 70, 69, 68, 67, 66, 65, 64, 63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]} : (!f) -> !f
  %p = nn.pad %x {low = [0, 0, 1, 0], high = [0, 0, 1, 0]} : (!x) -> !p
  %y = nn.transpose %x {perm = [0, 2, 3, 1]} : (!x) -> !y
  func.return %f, %l, %p, %y : !f, !f, !p, !y
}

// -----

!x = tensor<1x4x2x3x!quant.uniform<u8:f32, 0.5>>
!y = tensor<1x1x4x6x!quant.uniform<u8:f32, 0.5>>
!z = tensor<1x4x2x9x!quant.uniform<u8:f32, 0.5>>

// Depth to space: rows, rows of a block, columns and columns of a block, of which the last are
// neighbours on both sides. What is repeated stays where it is: a stride of 0.
// CHECK-LABEL: schedule.program
// CHECK: schedule.load "load" %0 to {{.*}} extents = array<i64: 2, 2, 3, 2>, strides = array<i64: 12, 2, 4, 1>
// CHECK-NEXT: schedule.store "store" {{.*}} extents = array<i64: 2, 2, 3, 2>, strides = array<i64: 12, 6, 2, 1>
// CHECK: schedule.load "load" %0 to {{.*}} extents = array<i64: 6, 3, 4>, strides = array<i64: 4, 0, 1>
// CHECK-NEXT: schedule.store "store" {{.*}} extents = array<i64: 6, 3, 4>, strides = array<i64: 12, 4, 1>
func.func @main(%x: !x) -> (!y, !z) {
  %y = nn.rearrange %x {split = [1, 2, 2, 1, 2, 3], perm = [0, 3, 4, 1, 5, 2]} : (!x) -> !y
  %z = nn.repeat %x {repeats = [1, 1, 1, 3]} : (!x) -> !z
  func.return %y, %z : !y, !z
}

// -----

!x = tensor<1x4x!quant.uniform<u8:f32, 0.5>>

// An output that is an input is a copy of it.
// CHECK-LABEL: schedule.program
// CHECK: schedule.load "load" %0 to %[[C:[0-9]+]]
// CHECK-NEXT: schedule.store "store" %[[C]] to %1
func.func @main(%x: !x) -> !x {
  func.return %x : !x
}
