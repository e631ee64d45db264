// RUN: tilefold-opt %s -p 'nn-rows,dce' | filecheck %s

// Twenty rows are one image of them; the matrix is turned, and the bias is added behind it.
builtin.module attributes {nn.network = "rows", nn.opsets = {"" = 17 : i64}} {
  func.func @main(%x: tensor<20x2xf32> {nn.name = "x"}, %one: tensor<1x2xf32> {nn.name = "one"}) -> (tensor<20x3xf32> {nn.name = "y"}, tensor<1x3xf32> {nn.name = "z"}) {
    %w = nn.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32> -> tensor<3x2xf32>
    %b = nn.constant dense<[1.0, -1.0, 0.0]> : tensor<3xf32> -> tensor<3xf32>
    // CHECK: %[[W:.*]] = nn.constant dense<[[1.000000e+00, 3.000000e+00, 5.000000e+00], [2.000000e+00, 4.000000e+00, 6.000000e+00]]>
    // CHECK: %[[ROWS:.*]] = nn.constant dense<[1, 20, 2]>
    // CHECK: %[[R:.*]] = nn.onnx "Reshape"(%x, %[[ROWS]]) {} {{.*}} -> tensor<1x20x2xf32>
    // CHECK: %[[P:.*]] = nn.onnx "MatMul"(%[[R]], %[[W]]) {} {{.*}} -> tensor<1x20x3xf32>
    // CHECK: %[[S:.*]] = nn.onnx "Add"(%[[P]], %{{.*}}) {} {{.*}} -> tensor<1x20x3xf32>
    // CHECK: %[[Y:.*]] = nn.onnx "Reshape"(%[[S]], %{{.*}}) {} {{.*}} -> tensor<20x3xf32>
    %y = nn.onnx "Gemm"(%x, %w, %b) {transB = 1 : i64} : (tensor<20x2xf32>, tensor<3x2xf32>, tensor<3xf32>) -> tensor<20x3xf32>
    // A single row stays as it is.
    // CHECK: nn.onnx "Gemm"(%one
    %z = nn.onnx "Gemm"(%one, %w, %b) {transB = 1 : i64} : (tensor<1x2xf32>, tensor<3x2xf32>, tensor<3xf32>) -> tensor<1x3xf32>
    func.return %y, %z : tensor<20x3xf32>, tensor<1x3xf32>
  }
}
