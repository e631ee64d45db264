// RUN: tilefold-opt %s | tilefold-opt | filecheck %s
// RUN: tilefold-opt %s --print-op-generic | tilefold-opt | filecheck %s
// RUN: tilefold-opt %s --print-op-generic | filecheck %s --check-prefix GENERIC

!image = tensor<1x2x6x6x!quant.uniform<u8:f32, 0.02:128>>
!half = tensor<1x2x3x3x!quant.uniform<u8:f32, 0.02:128>>
!weight = tensor<4x1x3x3x!quant.uniform<i8:f32:0, stored "0123456789abcdef0123456789abcdef">>
!wide = tensor<1x4x6x6x!quant.uniform<u8:f32, 0.04:7>>
!matrix = tensor<8x2x!quant.uniform<i4:f32:1, {0.5, 0.25:-1}>>
!sum = tensor<1x2x!quant.uniform<i32:f32:1, {0.25, 0.125}>>
!row = tensor<1x8x!quant.uniform<u4:f32, 0.5:1>>
!out = tensor<1x2x!quant.uniform<i8:f32, 0.1>>

builtin.module attributes {nn.network = "everything"} {
  // CHECK-LABEL: func.func @main(%image: tensor<1x2x6x6xf32> {nn.name = "image"}
  func.func @main(%image: tensor<1x2x6x6xf32> {nn.name = "image"}, %row: !row {nn.name = "row"})
      -> (tensor<1x2x3x3xf32> {nn.name = "y"}, !out {nn.name = "z"}) {
    // CHECK: %x = nn.quantize %image : (tensor<1x2x6x6xf32>) -> tensor<1x2x6x6x!quant.uniform<u8:f32, 0.02:128>>
    %x = nn.quantize %image : (tensor<1x2x6x6xf32>) -> !image
    // CHECK: nn.constant #nn.stored<"fedcba9876543210fedcba9876543210"> -> tensor<4x1x3x3x!quant.uniform<i8:f32:0, stored "0123456789abcdef0123456789abcdef">>
    %w = nn.constant #nn.stored<"fedcba9876543210fedcba9876543210"> -> !weight
    // CHECK: nn.constant dense<[1, -2, 3, 400]> : tensor<4xi32> -> tensor<4xi32>
    %b = nn.constant dense<[1, -2, 3, 400]> : tensor<4xi32> -> tensor<4xi32>
    // CHECK: nn.conv %x, %w, %b {strides = [1, 1], pads = [0, 1, 2, 1], dilations = [1, 1], groups = 2, clamp = [7, 200], my.note = "kept", flag} : (
    // GENERIC: "nn.conv"(%x, %w, %b) <{strides = array<i64: 1, 1>, pads = array<i64: 0, 1, 2, 1>, dilations = array<i64: 1, 1>, groups = 2 : i64, clamp = array<i64: 7, 200>}> {my.note = "kept", flag} : (
    %c = nn.conv %x, %w, %b {strides = [1, 1], pads = [0, 1, 2, 1], dilations = [1, 1], groups = 2, clamp = [7, 200], my.note = "kept", flag} : (!image, !weight, tensor<4xi32>) -> !wide
    // CHECK: nn.max_pool %x {kernel = [2, 2], strides = [2, 2], pads = [0, 0, 0, 0], dilations = [1, 1]} : (
    %m = nn.max_pool %x {kernel = [2, 2], strides = [2, 2], pads = [0, 0, 0, 0], dilations = [1, 1]} : (!image) -> !half
    // CHECK: nn.avg_pool %x {kernel = [3, 3], strides = [2, 2], pads = [1, 1, 0, 0], count_include_pad = true} : (
    %a = nn.avg_pool %x {kernel = [3, 3], strides = [2, 2], pads = [1, 1, 0, 0], count_include_pad = true} : (!image) -> !half
    // CHECK: nn.add %m, %a {clamp = [128, 255]} : (
    %s = nn.add %m, %a {clamp = [128, 255]} : (!half, !half) -> !half
    // CHECK: nn.global_avg_pool %c : (
    %g = nn.global_avg_pool %c : (!wide) -> tensor<1x4x1x1x!quant.uniform<u4:f32, 0.5:1>>
    // CHECK: nn.concat %g, %g {axis = 1} : (
    %cc = nn.concat %g, %g {axis = 1} : (tensor<1x4x1x1x!quant.uniform<u4:f32, 0.5:1>>, tensor<1x4x1x1x!quant.uniform<u4:f32, 0.5:1>>) -> tensor<1x8x1x1x!quant.uniform<u4:f32, 0.5:1>>
    // CHECK: nn.reshape %cc : (
    %r = nn.reshape %cc : (tensor<1x8x1x1x!quant.uniform<u4:f32, 0.5:1>>) -> !row
    // CHECK: nn.add %r, %row : (
    %rr = nn.add %r, %row : (!row, !row) -> !row
    // CHECK: nn.mul %c, %g {clamp = [3, 200]} : (
    %gated = nn.mul %c, %g {clamp = [3, 200]} : (!wide, tensor<1x4x1x1x!quant.uniform<u4:f32, 0.5:1>>) -> !wide
    // CHECK: nn.lut %rr {table = [15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]} : (
    %l = nn.lut %rr {table = [15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]} : (!row) -> !row
    // CHECK: nn.constant dense<[{{.*}}-8]]> : tensor<2x8xi8> -> tensor<2x8x!quant.uniform<i4:f32:0, {0.5, 0.25:-1}>>
    %t = nn.constant dense<[[1, 2, 3, 4, 5, 6, 7, -8], [1, 2, 3, 4, 5, 6, 7, -8]]> : tensor<2x8xi8> -> tensor<2x8x!quant.uniform<i4:f32:0, {0.5, 0.25:-1}>>
    // CHECK: nn.transpose %t {perm = [1, 0]} : (
    %k = nn.transpose %t {perm = [1, 0]} : (tensor<2x8x!quant.uniform<i4:f32:0, {0.5, 0.25:-1}>>) -> !matrix
    // CHECK: nn.matmul %l, %k : (
    %p = nn.matmul %l, %k : (!row, !matrix) -> !sum
    // CHECK: nn.requantize %p {clamp = [-128, 100]} : (
    %q = nn.requantize %p {clamp = [-128, 100]} : (!sum) -> !out
    // CHECK: nn.pad %x {low = [0, 0, 1, 1], high = [0, 0, 0, 0]} : (
    %d = nn.pad %x {low = [0, 0, 1, 1], high = [0, 0, 0, 0]} : (!image) -> tensor<1x2x7x7x!quant.uniform<u8:f32, 0.02:128>>
    // CHECK: nn.slice %x {starts = [0, 0, 2, 0], sizes = [1, 2, 3, 6]} : (
    %box = nn.slice %x {starts = [0, 0, 2, 0], sizes = [1, 2, 3, 6]} : (!image) -> tensor<1x2x3x6x!quant.uniform<u8:f32, 0.02:128>>
    // CHECK: nn.rearrange %x {split = [1, 2, 3, 2, 3, 2], perm = [0, 3, 5, 1, 2, 4]} : (
    %depth = nn.rearrange %x {split = [1, 2, 3, 2, 3, 2], perm = [0, 3, 5, 1, 2, 4]} : (!image) -> tensor<1x8x3x3x!quant.uniform<u8:f32, 0.02:128>>
    // CHECK: nn.repeat %m {repeats = [1, 1, 2, 2]} : (
    %larger = nn.repeat %m {repeats = [1, 1, 2, 2]} : (!half) -> !image
    // CHECK: nn.dequantize %s : (
    %y = nn.dequantize %s : (!half) -> tensor<1x2x3x3xf32>
    func.return %y, %q : tensor<1x2x3x3xf32>, !out
  }
}
