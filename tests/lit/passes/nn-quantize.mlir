// RUN: tilefold-opt %s -p 'nn-quantize{bits=4}' | filecheck %s
// RUN: tilefold-opt %s -p 'nn-quantize{symmetric=true input=6}' | filecheck %s --check-prefix SIGNED

// Stored are the input, the sum once Relu has bounded it, what SiLU makes of it as a whole, and what is
// added; max_pool stores by the parameters of its input. TopK and its result are the host's.
builtin.module attributes {nn.network = "net", nn.opsets = {"" = 17 : i64}} {
  func.func @main(%x: tensor<1x2x4x4xf32> {nn.name = "x", nn.observed = array<f32: -1.0, 2.0>}, %k: tensor<1xi64> {nn.name = "k"})
      -> (tensor<1x2x2x2xf32> {nn.name = "y"}, tensor<?x2x2x2xf32> {nn.name = "z"}) {
    // CHECK: %[[Q:.*]] = nn.quantize %x : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4x!quant.uniform<u4:f32, 0.2:5>>
    // CHECK-NEXT: %[[X:.*]] = nn.dequantize %[[Q]]
    // SIGNED: nn.quantize %x : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4x!quant.uniform<i6:f32, 0.06451613>>
    %w = nn.constant dense<1.0> : tensor<2x2x1x1xf32> -> tensor<2x2x1x1xf32>
    // CHECK: nn.onnx "Conv"(%[[X]], %w)
    // CHECK-NEXT: nn.onnx "Relu"
    // CHECK-NEXT: nn.quantize {{.*}}!quant.uniform<u4:f32, 0.4>>
    // SIGNED: nn.onnx "Relu"
    // SIGNED-NEXT: nn.quantize {{.*}}!quant.uniform<i8:f32, 0.047244094>>
    %c = nn.onnx "Conv"(%x, %w) {} {observed = [array<f32: -9.0, 6.0>]} : (tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32>) -> tensor<1x2x4x4xf32>
    %r = nn.onnx "Relu"(%c) {} {observed = [array<f32: 0.0, 6.0>]} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
    // CHECK: nn.onnx "Sigmoid"
    // CHECK-NEXT: nn.onnx "Mul"
    // CHECK-NEXT: nn.quantize {{.*}}!quant.uniform<u4:f32, 0.39>>
    %s = nn.onnx "Sigmoid"(%r) {} {observed = [array<f32: 0.5, 1.0>]} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
    %m = nn.onnx "Mul"(%r, %s) {} {observed = [array<f32: 0.0, 5.85>]} : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
    // CHECK: nn.onnx "MaxPool"
    // CHECK-NEXT: nn.quantize {{.*}}!quant.uniform<u4:f32, 0.39>>
    %p = nn.onnx "MaxPool"(%m) {kernel_shape = array<i64: 2, 2>, strides = array<i64: 2, 2>} {observed = [array<f32: 1.0, 3.0>]} : (tensor<1x2x4x4xf32>) -> tensor<1x2x2x2xf32>
    // CHECK: nn.constant dense<[{{.*}}]> : tensor<2x1x1xui8> -> tensor<2x1x1x!quant.uniform<u4:f32, 0.2:5>>
    // CHECK: nn.onnx "Add"
    // CHECK-NEXT: nn.quantize {{.*}}!quant.uniform<u4:f32, 0.6:2>>
    %b = nn.constant dense<[[[-1.0]], [[2.0]]]> : tensor<2x1x1xf32> -> tensor<2x1x1xf32>
    %y = nn.onnx "Add"(%p, %b) {} {observed = [array<f32: -1.0, 8.0>]} : (tensor<1x2x2x2xf32>, tensor<2x1x1xf32>) -> tensor<1x2x2x2xf32>
    // CHECK: %z, %i = nn.onnx "TopK"
    // CHECK-NEXT: func.return %{{.*}}, %z
    %z, %i = nn.onnx "TopK"(%y, %k) {axis = 0 : i64} {observed = [array<f32: -1.0, 8.0>, unit]} : (tensor<1x2x2x2xf32>, tensor<1xi64>) -> (tensor<?x2x2x2xf32>, tensor<?x2x2x2xi64>)
    func.return %y, %z : tensor<1x2x2x2xf32>, tensor<?x2x2x2xf32>
  }
}
