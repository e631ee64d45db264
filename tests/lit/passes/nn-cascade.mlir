// RUN: tilefold-opt %s -p 'verify-semantics,nn-cascade{first="a" last="d" stripes=2},verify-semantics' --split-input-file | filecheck %s

!x = tensor<1x3x8x8x!quant.uniform<u8:f32, 0.5:3>>
!y = tensor<1x2x8x8x!quant.uniform<u8:f32, 0.5:3>>
!z = tensor<1x2x4x4x!quant.uniform<u8:f32, 0.5:3>>
!v = tensor<2x3x3x3x!quant.uniform<i8:f32, 0.25>>
!w = tensor<2x2x1x1x!quant.uniform<i8:f32, 0.25>>

// Two rows of %d take four of %c, these four of %a and %b, and these six of the input less the one that
// is padding. The addition goes along; %e stays whole.
// CHECK-LABEL: @main
// CHECK: nn.constant
// CHECK-NEXT: nn.constant
// CHECK-NEXT: %[[X0:.*]] = nn.slice %x {starts = [0, 0, 0, 0], sizes = [1, 3, 5, 8]}
// CHECK-NEXT: %[[A0:.*]] = nn.conv %[[X0]], %v {strides = [1, 1], pads = [1, 1, 0, 1]
// CHECK-NEXT: %[[B0:.*]] = nn.conv %[[A0]], %w {strides = [1, 1], pads = [0, 0, 0, 0]
// CHECK-NEXT: %[[C0:.*]] = nn.add %[[A0]], %[[B0]]
// CHECK-NEXT: %[[D0:.*]] = nn.max_pool %[[C0]] {{.*}} -> tensor<1x2x2x4x
// CHECK-NEXT: %[[X1:.*]] = nn.slice %x {starts = [0, 0, 3, 0], sizes = [1, 3, 5, 8]}
// CHECK-NEXT: %[[A1:.*]] = nn.conv %[[X1]], %v {strides = [1, 1], pads = [0, 1, 1, 1]
// CHECK: %[[D1:.*]] = nn.max_pool
// CHECK-NEXT: %[[D:.*]] = nn.concat %[[D0]], %[[D1]] {axis = 2}
// CHECK-NEXT: nn.conv %[[D]], %w {{.*}} -> tensor<1x2x4x4x
func.func @main(%x: !x) -> !z {
  %v = nn.constant dense<3> : tensor<2x3x3x3xi8> -> !v
  %w = nn.constant dense<-2> : tensor<2x2x1x1xi8> -> !w
  %a = nn.conv %x, %v {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1} : (!x, !v) -> !y loc("a")
  %b = nn.conv %a, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!y, !w) -> !y loc("b")
  %c = nn.add %a, %b : (!y, !y) -> !y loc("c")
  %d = nn.max_pool %c {kernel = [2, 2], strides = [2, 2], pads = [0, 0, 0, 0], dilations = [1, 1]} : (!y) -> !z loc("d")
  %e = nn.conv %d, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!z, !w) -> !z loc("e")
  func.return %e : !z
}

// -----

!x = tensor<1x2x6x4x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>

// A branch that needs fewer rows than another one of what both read takes a slice of them. What is
// repeated over rows is read as it is.
// CHECK-LABEL: @main
// CHECK: %[[A0:.*]] = nn.lut {{.*}} -> tensor<1x2x4x4x
// CHECK-NEXT: %[[B0:.*]] = nn.conv %[[A0]], %w {strides = [1, 1], pads = [1, 1, 0, 1]
// CHECK-NEXT: %[[R0:.*]] = nn.slice %[[A0]] {starts = [0, 0, 0, 0], sizes = [1, 2, 3, 4]}
// CHECK-NEXT: %[[S0:.*]] = nn.add %[[R0]], %k :
// CHECK-NEXT: nn.add %[[B0]], %[[S0]] {{.*}} -> tensor<1x2x3x4x
func.func @main(%x: !x) -> !x {
  %w = nn.constant dense<1> : tensor<2x2x3x3xi8> -> !w
  %k = nn.constant dense<1> : tensor<1x2x1x1xui8> -> tensor<1x2x1x1x!quant.uniform<u8:f32, 0.5:3>>
  %l = nn.lut %x {table = [255, 254, 253, 252, 251, 250, 249, 248, 247, 246, 245, 244, 243, 242, 241, 240, 239, 238, 237, 236, 235, 234, 233, 232, 231, 230, 229, 228, 227, 226, 225, 224, 223, 222, 221, 220, 219, 218, 217, 216, 215, 214, 213, 212, 211, 210, 209, 208, 207, 206, 205, 204, 203, 202, 201, 200, 199, 198, 197, 196, 195, 194, 193, 192, 191, 190, 189, 188, 187, 186, 185, 184, 183, 182, 181, 180, 179, 178, 177, 176, 175, 174, 173, 172, 171, 170, 169, 168, 167, 166, 165, 164, 163, 162, 161, 160, 159, 158, 157, 156, 155, 154, 153, 152, 151, 150, 149, 148, 147, 146, 145, 144, 143, 142, 141, 140, 139, 138, 137, 136, 135, 134, 133, 132, 131, 130, 129, 128, 127, 126, 125, 124, 123, 122, 121, 120, 119, 118, 117, 116, 115, 114, 113, 112, 111, 110, 109, 108, 107, 106, 105, 104, 103, 102, 101, 100, 99, 98, 97, 96, 95, 94, 93, 92, 91, 90, 89, 88, 87, 86, 85, 84, 83, 82, 81, 80, 79, 78, 77, 76, 75, 74, 73, 72, 71, 70, 69, 68, 67, 66, 65, 64, 63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]} : (!x) -> !x loc("a")
  %b = nn.conv %l, %w {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1} : (!x, !w) -> !x loc("b")
  %s = nn.add %l, %k : (!x, tensor<1x2x1x1x!quant.uniform<u8:f32, 0.5:3>>) -> !x loc("c")
  %d = nn.add %b, %s : (!x, !x) -> !x loc("d")
  func.return %d : !x
}
