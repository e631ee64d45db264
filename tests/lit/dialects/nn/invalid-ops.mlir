// RUN: tilefold-opt %s --verify-diagnostics --parsing-diagnostics --split-input-file | filecheck %s

// CHECK: the result is 1x2x5x6, the operands give 1x2x6x6
func.func @f(%a: tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>) {
  %r = nn.conv %a, %b {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1} : (tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>) -> tensor<1x2x5x6x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: input has batch 2; only batch 1 is supported
func.func @f(%a: tensor<2x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>) {
  %r = nn.conv %a, %b {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1} : (tensor<2x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>) -> tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: input 2x6x6 must have 4 dimensions
func.func @f(%a: tensor<2x6x6x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>) {
  %r = nn.conv %a, %b {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1} : (tensor<2x6x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>) -> tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: weight 2x3x3 must have 4 dimensions
func.func @f(%a: tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<2x3x3x!quant.uniform<i8:f32, 0.25>>) {
  %r = nn.conv %a, %b {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1} : (tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<2x3x3x!quant.uniform<i8:f32, 0.25>>) -> tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: 2 groups do not divide 2 input channels into the weight's 2 and its 2 output channels evenly
func.func @f(%a: tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>) {
  %r = nn.conv %a, %b {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 2} : (tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>) -> tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: strides [0, 1] must be 2 numbers of at least 1
func.func @f(%a: tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>) {
  %r = nn.conv %a, %b {strides = [0, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1} : (tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>) -> tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: pads [1, 1] must be 4 numbers of at least 0
func.func @f(%a: tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>) {
  %r = nn.conv %a, %b {strides = [1, 1], pads = [1, 1], dilations = [1, 1], groups = 1} : (tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>) -> tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: dilations [1] must be 2 numbers of at least 1
func.func @f(%a: tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>) {
  %r = nn.conv %a, %b {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1], groups = 1} : (tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>) -> tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: a window of 9x9 does not fit the padded input 8x8
func.func @f(%a: tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>) {
  %r = nn.conv %a, %b {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [4, 4], groups = 1} : (tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>) -> tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: clamp [5, 4] is not [lo, hi] within 0:255
func.func @f(%a: tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>) {
  %r = nn.conv %a, %b {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1, clamp = [5, 4]} : (tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>) -> tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: clamp [-1, 4] is not [lo, hi] within 0:255
func.func @f(%a: tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>) {
  %r = nn.conv %a, %b {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1, clamp = [-1, 4]} : (tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>) -> tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: i32 results have no clamp
func.func @f(%a: tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>) {
  %r = nn.conv %a, %b {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1, clamp = [0, 4]} : (tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>) -> tensor<1x2x6x6x!quant.uniform<i32:f32, 0.125>>
  func.return
}

// -----

// CHECK: the scale of the i32 result must be input * weight: !quant.uniform<i32:f32, 0.125>
func.func @f(%a: tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>) {
  %r = nn.conv %a, %b {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1} : (tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>) -> tensor<1x2x6x6x!quant.uniform<i32:f32, 0.25>>
  func.return
}

// -----

// CHECK: the scale of the i32 result must be input * weight: !quant.uniform<i32:f32:1, {0.125, 0.25}>
func.func @f(%a: tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<2x2x3x3x!quant.uniform<i8:f32:0, {0.25, 0.5}>>) {
  %r = nn.conv %a, %b {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1} : (tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<2x2x3x3x!quant.uniform<i8:f32:0, {0.25, 0.5}>>) -> tensor<1x2x6x6x!quant.uniform<i32:f32, 0.125>>
  func.return
}

// -----

// CHECK: scales of weight run along axis 1, not 0
func.func @f(%a: tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<2x2x3x3x!quant.uniform<i8:f32:1, {0.25, 0.5}>>) {
  %r = nn.conv %a, %b {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1} : (tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<2x2x3x3x!quant.uniform<i8:f32:1, {0.25, 0.5}>>) -> tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: weight has 3 scales for 2 channels
func.func @f(%a: tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<2x2x3x3x!quant.uniform<i8:f32:0, {0.25, 0.5, 0.5}>>) {
  %r = nn.conv %a, %b {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1} : (tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<2x2x3x3x!quant.uniform<i8:f32:0, {0.25, 0.5, 0.5}>>) -> tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: the weight must have at most 8 bits
func.func @f(%a: tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<2x2x3x3x!quant.uniform<i32:f32, 0.25>>) {
  %r = nn.conv %a, %b {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1} : (tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<2x2x3x3x!quant.uniform<i32:f32, 0.25>>) -> tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: bias elements must be i32, not i8
func.func @f(%a: tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>, %c: tensor<2xi8>) {
  %r = nn.conv %a, %b, %c {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1} : (tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>, tensor<2xi8>) -> tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: bias 3 must be 2 numbers
func.func @f(%a: tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>, %c: tensor<3xi32>) {
  %r = nn.conv %a, %b, %c {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1} : (tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>, tensor<3xi32>) -> tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: the scale of the bias must be input * weight: !quant.uniform<i32:f32, 0.125>
func.func @f(%a: tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>, %c: tensor<2x!quant.uniform<i32:f32, 0.5>>) {
  %r = nn.conv %a, %b, %c {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1} : (tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>, tensor<2x!quant.uniform<i32:f32, 0.5>>) -> tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: input has scales per channel; activations have one per tensor
func.func @f(%a: tensor<1x2x6x6x!quant.uniform<u8:f32:1, {0.5, 0.25}>>, %b: tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>) {
  %r = nn.conv %a, %b {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1} : (tensor<1x2x6x6x!quant.uniform<u8:f32:1, {0.5, 0.25}>>, tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>) -> tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: input holds i32 accumulators; requantise it first
func.func @f(%a: tensor<1x2x6x6x!quant.uniform<i32:f32, 0.125>>, %b: tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>) {
  %r = nn.conv %a, %b {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1} : (tensor<1x2x6x6x!quant.uniform<i32:f32, 0.125>>, tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>) -> tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: tensor<1x2x6x6xf32> is not a quantised tensor
func.func @f(%a: tensor<1x2x6x6xf32>, %b: tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>) {
  %r = nn.conv %a, %b {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1} : (tensor<1x2x6x6xf32>, tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>) -> tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: input 1x4 and weight 5x2 have no common inner dimension
func.func @f(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<5x2x!quant.uniform<i8:f32, 0.25>>) {
  %r = nn.matmul %a, %b : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<5x2x!quant.uniform<i8:f32, 0.25>>) -> tensor<1x2x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: 5x5 does not broadcast to 1x2x6x6
func.func @f(%a: tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<5x5x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = nn.add %a, %b : (tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<5x5x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: input has scales per channel; only i32 ones may
func.func @f(%a: tensor<1x2x6x6x!quant.uniform<u8:f32:1, {0.5, 0.25}>>) {
  %r = nn.requantize %a : (tensor<1x2x6x6x!quant.uniform<u8:f32:1, {0.5, 0.25}>>) -> tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: the result must have the input's element type
func.func @f(%a: tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = nn.max_pool %a {kernel = [2, 2], strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1]} : (tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x2x5x5x!quant.uniform<u8:f32, 0.25:3>>
  func.return
}

// -----

// CHECK: kernel [0, 2] must be 2 numbers of at least 1
func.func @f(%a: tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = nn.max_pool %a {kernel = [0, 2], strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1]} : (tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: pads [2, 0, 0, 0] give windows that hold only padding
func.func @f(%a: tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = nn.avg_pool %a {kernel = [2, 2], strides = [1, 1], pads = [2, 0, 0, 0], count_include_pad = false} : (tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: the result is 1x2x6x6, the operands give 1x2x1x1
func.func @f(%a: tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = nn.global_avg_pool %a : (tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: axis 4 is not an axis of 1x2x6x6
func.func @f(%a: tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = nn.concat %a, %b {axis = 4} : (tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: 1x2x6x6 and 1x2x5x6 differ off the axis 1
func.func @f(%a: tensor<1x2x5x6x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = nn.concat %a, %b {axis = 1} : (tensor<1x2x5x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: a table for 2 bits has 4 entries, not 3
func.func @f(%a: tensor<1x!quant.uniform<u2:f32, 0.5>>) {
  %r = nn.lut %a {table = [0, 1, 2]} : (tensor<1x!quant.uniform<u2:f32, 0.5>>) -> tensor<1x!quant.uniform<u8:f32, 0.5>>
  func.return
}

// -----

// CHECK: table entries must be bytes
func.func @f(%a: tensor<1x!quant.uniform<u2:f32, 0.5>>) {
  %r = nn.lut %a {table = [0, 1, 2, 256]} : (tensor<1x!quant.uniform<u2:f32, 0.5>>) -> tensor<1x!quant.uniform<u8:f32, 0.5>>
  func.return
}

// -----

// CHECK: table holds 0 to 9, beyond 0:3
func.func @f(%a: tensor<1x!quant.uniform<u2:f32, 0.5>>) {
  %r = nn.lut %a {table = [0, 1, 2, 9]} : (tensor<1x!quant.uniform<u2:f32, 0.5>>) -> tensor<1x!quant.uniform<u2:f32, 0.5>>
  func.return
}

// -----

// CHECK: 1x4 and 1x5 differ in their number of elements
func.func @f(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = nn.reshape %a : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x5x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: the result must have the input's element type
func.func @f(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = nn.reshape %a : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<4x!quant.uniform<u8:f32, 0.25:3>>
  func.return
}

// -----

// CHECK: the reshape breaks up axis 0, which the scales run along
func.func @f(%a: tensor<2x4x!quant.uniform<i8:f32:0, {0.5, 0.25}>>) {
  %r = nn.reshape %a : (tensor<2x4x!quant.uniform<i8:f32:0, {0.5, 0.25}>>) -> tensor<4x2x!quant.uniform<i8:f32:1, {0.5, 0.25}>>
  func.return
}

// -----

// CHECK: [0, 0] is no permutation of the axes of 1x4
func.func @f(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = nn.transpose %a {perm = [0, 0]} : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: low [0, -1] must be 2 numbers of at least 0
func.func @f(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = nn.pad %a {low = [0, -1], high = [0, 0]} : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: the input must be f32
func.func @f(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = nn.quantize %a : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: the result must be f32
func.func @f(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = nn.dequantize %a : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: option axis is given twice
func.func @f(%a: tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, %b: tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = nn.concat %a, %b {axis = 1, axis = 1} : (tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>, tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x2x6x6x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: "abc" is not a digest of 32 hex digits
%c = nn.constant #nn.stored<"abc"> -> tensor<2xi32>

// -----

// CHECK: constant holds -9 to 7, beyond -8:7
%c = nn.constant dense<[-9, 7]> : tensor<2xi8> -> tensor<2x!quant.uniform<i4:f32, 0.5>>

// -----

// CHECK: a literal of i8 cannot hold !quant.uniform<u8:f32, 0.5>
%c = nn.constant dense<[-9, 7]> : tensor<2xi8> -> tensor<2x!quant.uniform<u8:f32, 0.5>>

// -----

// CHECK: the literal and the result differ in shape
%c = nn.constant dense<[-9, 7]> : tensor<2xi8> -> tensor<1x2x!quant.uniform<i8:f32, 0.5>>

// -----

// CHECK: a literal of more than 256 bytes belongs in the store
%c = nn.constant dense<1> : tensor<257xi8> -> tensor<257x!quant.uniform<i8:f32, 0.5>>

// -----

// CHECK: elements of type bf16 are not supported
%c = nn.constant dense<1> : tensor<2xi32> -> tensor<2xbf16>

// -----

// CHECK: there is nothing to concatenate
%c = "nn.concat"() <{axis = 1 : i64}> : () -> tensor<1x4x!quant.uniform<u8:f32, 0.5>>

// -----

// CHECK: 1x3 elements from [0, 2] on reach beyond 1x4
func.func @f(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = nn.slice %a {starts = [0, 2], sizes = [1, 3]} : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x3x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: sizes [1, 0] must be 2 numbers of at least 1
func.func @f(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = nn.slice %a {starts = [0, 2], sizes = [1, 0]} : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x3x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: absent inputs [2] are not ascending places of 2
func.func @f(%a: tensor<1x4xf32>) {
  %r = nn.onnx "Clip"(%a) {} {absent = array<i64: 2>} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  func.return
}

// -----

// CHECK: captured names must be unique, one for each of the last operands
func.func @f(%a: tensor<1x4xf32>) {
  %r = nn.onnx "If"(%a) {} {captured = ["b", "b"]} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  func.return
}

// -----

// CHECK: the operator has no name
func.func @f(%a: tensor<1x4xf32>) {
  %r = nn.onnx "org.example."(%a) {} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  func.return
}

// -----

// CHECK: [1, 3, 2] does not split the axes of 1x4
func.func @f(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = nn.rearrange %a {split = [1, 3, 2], perm = [0, 2, 1]} : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x6x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: [1, 4, 2] does not split the axes of 1x4
func.func @f(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = nn.rearrange %a {split = [1, 4, 2], perm = [0, 2, 1]} : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x8x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}

// -----

// CHECK: repeats [1, 0] must be 2 numbers of at least 1
func.func @f(%a: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) {
  %r = nn.repeat %a {repeats = [1, 0]} : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x8x!quant.uniform<u8:f32, 0.5:3>>
  func.return
}
