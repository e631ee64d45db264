// RUN: tilefold-opt %s | tilefold-opt | filecheck %s
// RUN: tilefold-opt %s --print-op-generic | tilefold-opt | filecheck %s

builtin.module attributes {nn.network = "reals", nn.opsets = {"" = 17 : i64, "com.microsoft" = 1 : i64}} {
  // CHECK-LABEL: func.func @main(%x: tensor<1x4xf32> {nn.name = "x"})
  func.func @main(%x: tensor<1x4xf32> {nn.name = "x"}) -> (tensor<1x4xf32> {nn.name = "y"}) {
    // CHECK: nn.constant dense<6.000000e+00> : tensor<f32> -> tensor<f32>
    %six = nn.constant dense<6.0> : tensor<f32> -> tensor<f32>
    // CHECK: nn.constant dense<[1, 4]> : tensor<2xi64> -> tensor<2xi64>
    %shape = nn.constant dense<[1, 4]> : tensor<2xi64> -> tensor<2xi64>
    // CHECK: nn.onnx "HardSigmoid"(%x) {alpha = 2.500000e-01 : f32} : (tensor<1x4xf32>) -> tensor<1x4xf32>
    %a = nn.onnx "HardSigmoid"(%x) {alpha = 0.25 : f32} : (tensor<1x4xf32>) -> tensor<1x4xf32>
    // CHECK: nn.onnx "Clip"(%a, %six) {} {absent = array<i64: 1>} : (
    %b = nn.onnx "Clip"(%a, %six) {} {absent = array<i64: 1>} : (tensor<1x4xf32>, tensor<f32>) -> tensor<1x4xf32>
    // CHECK: nn.onnx "com.microsoft.Gelu"(%b) {} : (tensor<1x4xf32>) -> tensor<1x4xf32>
    %c = nn.onnx "com.microsoft.Gelu"(%b) {} : (tensor<1x4xf32>) -> tensor<1x4xf32>
    // CHECK: %d, %e = nn.onnx "TopK"(%c, %shape) {axis = 1 : i64, largest = 0 : i64} : (tensor<1x4xf32>, tensor<2xi64>) -> (tensor<1x?xf32>, tensor<1x?xi64>)
    %d, %e = nn.onnx "TopK"(%c, %shape) {axis = 1 : i64, largest = 0 : i64} : (tensor<1x4xf32>, tensor<2xi64>) -> (tensor<1x?xf32>, tensor<1x?xi64>)
    func.return %c : tensor<1x4xf32>
  }
}
