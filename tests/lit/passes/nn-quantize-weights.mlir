// RUN: tilefold-opt %s -p 'nn-quantize,nn-quantize-weights{bits=4 method="minmax"}' | filecheck %s
// RUN: tilefold-opt %s -p 'nn-quantize,nn-quantize-weights{bits=4 last=8 per_channel=false method="minmax"}' | filecheck %s --check-prefix WHOLE

// One scale for each output channel, 0.7 / 7 and 1.4 / 7; the bias in units of input scale * weight scale.
builtin.module attributes {nn.network = "net", nn.opsets = {"" = 17 : i64}} {
  func.func @main(%x: tensor<1x2xf32> {nn.name = "x", nn.observed = array<f32: 0.0, 255.0>}) -> (tensor<1x2xf32> {nn.name = "y"}) {
    // CHECK: nn.constant dense<{{.*}}[7, -4], [7, 1]{{.*}}> : tensor<2x2xi8> -> tensor<2x2x!quant.uniform<i4:f32:0, {0.1, 0.2}>>
    // CHECK: nn.constant dense<[10, -10]> : tensor<2xi32> -> tensor<2x!quant.uniform<i32:f32:0, {0.1, 0.2}>>
    // WHOLE: nn.constant dense<{{.*}}> : tensor<2x2xi8> -> tensor<2x2x!quant.uniform<i8:f32, 0.011023622>>
    // WHOLE: nn.constant dense<[91, -181]> : tensor<2xi32> -> tensor<2x!quant.uniform<i32:f32, 0.011023622>>
    %w = nn.constant dense<[[0.7, -0.4], [1.4, 0.2]]> : tensor<2x2xf32> -> tensor<2x2xf32>
    %b = nn.constant dense<[1.0, -2.0]> : tensor<2xf32> -> tensor<2xf32>
    // CHECK: nn.onnx "Gemm"(%{{.*}}, %{{.*}}, %{{.*}}) {transB = 1 : i64}
    %y = nn.onnx "Gemm"(%x, %w, %b) {transB = 1 : i64} {observed = [array<f32: -1.0, 255.0>]} : (tensor<1x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
    func.return %y : tensor<1x2xf32>
  }
}
